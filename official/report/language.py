"""The languages of a report."""

from official.report import chinese

LANGUAGES = ('en', 'zh')


class Language:
  """A language, which translates English templates and fills them in.

  Args:
    name: One of `LANGUAGES`.

  Attributes:
    name: The given name, which is also the `lang` of HTML pages.
    needs_font: Whether it needs a font with more than Latin letters.
  """

  def __init__(self, name: str):
    self.name = name
    self.needs_font = name == 'zh'
    self._table = chinese.TABLE if name == 'zh' else None

  def __call__(self, template: str, **values: object) -> str:
    """Returns the template in this language, filled in.

    Raises:
      KeyError: There is no translation of the template.
    """
    if self._table is not None:
      template = self._table[template]
    return template.format(**values)

  def all_of(self, names: list[str]) -> str:
    """Joins names to a text such as `a, b and c`."""
    if len(names) == 1:
      return names[0]
    if self.name == 'zh':
      return f'{"、".join(names[:-1])}和{names[-1]}'
    return f'{", ".join(names[:-1])} and {names[-1]}'
