"""Files and folders that are not data, recognized by their names."""

HIDDEN = 'hidden'
OF_THE_SYSTEM = 'of the operating system'
COPIES = 'copies and parts of files'
TEXT = 'text and tables'
CHECKSUMS = 'checksums and signatures'
ARCHIVES = 'archives'

_ENDINGS = {
  COPIES: (
    '.bak', '.tmp', '.temp', '.old', '.orig', '.swp', '.part', '.partial',
    '.crdownload', '.download', '~',
  ),
  TEXT: (
    '.txt', '.text', '.md', '.rst', '.rtf', '.pdf', '.html', '.htm', '.xml',
    '.json', '.jsonl', '.csv', '.tsv', '.yaml', '.yml', '.toml', '.ini', '.cfg',
    '.log', '.doc', '.docx', '.xls', '.xlsx', '.pbtxt', '.py', '.ipynb', '.sh',
  ),
  CHECKSUMS: (
    '.md5', '.sha1', '.sha256', '.sha512', '.sfv', '.crc', '.crc32', '.sig',
    '.asc',
  ),
  ARCHIVES: (
    '.zip', '.tar', '.tgz', '.gz', '.bz2', '.xz', '.zst', '.7z', '.rar',
  ),
}  # fmt: skip
_FILE_NAMES = {
  **dict.fromkeys(
    ('readme', 'license', 'licence', 'copying', 'authors', 'changelog',
     'notice'),
    TEXT,
  ),
  **dict.fromkeys(
    ('md5sums', 'sha1sums', 'sha256sums', 'checksums'), CHECKSUMS
  ),
  **dict.fromkeys(
    ('thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r'), OF_THE_SYSTEM
  ),
}  # fmt: skip
_FOLDER_NAMES = {
  '__macosx', '$recycle.bin', 'system volume information', 'lost+found',
  '@eadir', '__pycache__',
}  # fmt: skip


def kind_of_file(name: str) -> str | None:
  """Returns the kind of a file that is not data by its name.

  None where the name does not decide, so that the content must.
  """
  if name.startswith('.'):
    return HIDDEN
  lower = name.lower()
  if lower in _FILE_NAMES:
    return _FILE_NAMES[lower]
  for kind, endings in _ENDINGS.items():
    if lower.endswith(endings):
      return kind
  return None


def kind_of_folder(name: str) -> str | None:
  """Returns the kind of a folder without data; None where it may hold some."""
  if name.startswith('.'):
    return HIDDEN
  return OF_THE_SYSTEM if name.lower() in _FOLDER_NAMES else None
