"""Limits that keep a damaged or hostile file from filling the memory.

A few bytes of a compressed file can stand for gigabytes. Each reader compares
what a header promises with these limits before it unpacks anything.
"""

# The size of one split of a data set, or of one of its files, in memory.
MAX_GIBIBYTES_IN_MEMORY = 8
MAX_BYTES_IN_MEMORY = MAX_GIBIBYTES_IN_MEMORY * 2**30

# The size of one image: 134 megapixels, 400 MB when decoded to three channels.
MAX_PIXELS = 2**27
