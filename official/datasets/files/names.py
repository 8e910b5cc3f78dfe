"""Names of files as they are printed."""

from collections.abc import Iterable

_FEW = 3


def printable(name: str) -> str:
  """Returns a name of any bytes as text that fits on one line.

  File names on Linux may hold line breaks and bytes that are not UTF-8, which
  Python keeps as surrogates; both are escaped.
  """
  text = name.encode('utf-8', 'surrogateescape').decode(
    'utf-8', 'backslashreplace'
  )
  return ''.join(
    c if c.isprintable() else c.encode('unicode_escape').decode() for c in text
  )


def first_few(names: Iterable[str], count: int = _FEW) -> str:
  """Lists at most `count` names, and counts the rest."""
  names = list(names)
  text = ', '.join(map(printable, names[:count]))
  more = len(names) - count
  return f'{text} and {more:,} more' if more > 0 else text
