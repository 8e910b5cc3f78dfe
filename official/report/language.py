"""The languages of a report: English sentences, and what they are elsewhere."""

from official.report import chinese

LANGUAGES = ('en', 'zh')


class Language:
  """Says things in a language: called with an English template and its values.

  Args:
    name: one of `LANGUAGES`.

  Attributes:
    name: the same; it is also the page's `lang`.
    needs_font: whether its letters are more than any font has.
  """

  def __init__(self, name: str):
    self.name = name
    self.needs_font = name == 'zh'
    self._table = chinese.TABLE if name == 'zh' else None

  def __call__(self, template: str, **values: object) -> str:
    """The template in this language, filled in.

    Raises:
      KeyError: it is not translated.
    """
    if self._table is not None:
      template = self._table[template]
    return template.format(**values)

  def all_of(self, names: list[str]) -> str:
    """`a, b and c`."""
    if len(names) == 1:
      return names[0]
    if self.name == 'zh':
      return f'{"、".join(names[:-1])}和{names[-1]}'
    return f'{", ".join(names[:-1])} and {names[-1]}'
