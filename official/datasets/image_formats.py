"""The formats of image files, by their endings or by their first bytes."""

READ_ENDINGS = (
  '.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.gif', '.bmp', '.webp',
)  # fmt: skip
UNREAD_ENDINGS = (
  '.tif', '.tiff', '.heic', '.heif', '.avif', '.jxl', '.jp2', '.j2k', '.svg',
  '.ico', '.psd', '.xcf', '.tga', '.pcx', '.ppm', '.pgm', '.pbm', '.pnm',
  '.exr', '.hdr', '.raw', '.dng', '.cr2', '.nef', '.arw',
)  # fmt: skip

# The first bytes. A WebP file begins with RIFF, four bytes of length and WEBP.
JPEG = b'\xff\xd8\xff'
PNG = b'\x89PNG\r\n\x1a\n'
GIF = b'GIF8'
BMP = b'BM'
RIFF, WEBP, WEBP_AT = b'RIFF', b'WEBP', 8
# The kind of the first chunk of a WebP file, and the bit in the flags of an
# extended one that says that there are several frames.
WEBP_LOSSLESS, WEBP_EXTENDED, WEBP_CHUNK_AT = b'VP8L', b'VP8X', 12
WEBP_FLAGS_AT, WEBP_ANIMATED = 20, 2

READ_SIGNATURES = {JPEG: 'JPEG', PNG: 'PNG', GIF: 'GIF', BMP: 'BMP'}
UNREAD_SIGNATURES = {
  b'II*\0': 'TIFF',
  b'MM\0*': 'TIFF',
  b'\xff\x0a': 'JPEG XL',
  b'\0\0\0\x0cJXL ': 'JPEG XL',
  b'\0\0\0\x0cjP  ': 'JPEG 2000',
  b'8BPS': 'Photoshop',
}
# The brand of a file that begins with a box `ftyp`, as video files do too.
UNREAD_BRANDS = {
  b'avif': 'AVIF',
  b'heic': 'HEIC',
  b'heix': 'HEIC',
  b'mif1': 'HEIC',
}

NOT_AN_IMAGE = 'it is not a JPEG, PNG, GIF, BMP or WebP image'
ANIMATED_WEBP = 'an animated WebP image; save one picture of it'
