"""Which variables belong to an optimizer, recognized by name and shape."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence

# Variables of Adam, and of a loss scale, ours and TensorFlow 1's. All other
# variables of optimizers are named after the variable that they belong to.
_ALONE = re.compile(
  r'(.*/)?(beta[12]_power|loss_scale|current_loss_scale|good_steps)(_\d+)?'
)
# The names of slots begin with a capital: Momentum, RMSProp_1.
_SLOT = re.compile(r'[A-Z]\w*')


def among(
  shapes: Mapping[str, Sequence[int]], trained: Container[str] = ()
) -> set[str]:
  """The names of slots, and of all other variables that an optimizer keeps.

  A slot is named after its variable, whatever the optimizer: `w/Momentum`,
  `w/RMSProp_1`, `w/ExponentialMovingAverage`; an optimizer in a scope puts the
  scope before the name: `scope/w/Adam`. So a variable of a network that is
  named `Adam`, or is in a scope of that name, is not a slot. An optimizer of
  Keras keeps everything in a scope of its own, beside its `iteration` and
  `learning_rate`.

  Args:
    shapes: Name to shape of all variables.
    trained: Names of variables that are trained and hence not slots, if known.

  Returns:
    Those of the names that belong to an optimizer.
  """
  of_keras = {
    name.removesuffix('/iteration')
    for name in shapes
    if name.endswith('/iteration')
    and name.removesuffix('iteration') + 'learning_rate' in shapes
  }

  def is_slot(name: str) -> bool:
    if name in trained:
      return False
    if _ALONE.fullmatch(name) and not list(shapes[name]):
      return True
    if any(name.startswith(f'{optimizer}/') for optimizer in of_keras):
      return True
    if any(
      owner in shapes
      and (_ALONE.fullmatch(owner) or _SLOT.match(name, len(owner) + 1))
      for owner in _beginnings(name)
    ):
      return True
    path, _, last = name.rpartition('/')
    return bool(_SLOT.fullmatch(last)) and any(
      owner in shapes and list(shapes[owner]) == list(shapes[name])
      for owner in _ends(path)
    )

  return {name for name in shapes if is_slot(name)}


def _beginnings(path: str) -> Iterator[str]:
  """`a/b` and `a` for `a/b/c`."""
  while '/' in path:
    path = path.rpartition('/')[0]
    yield path


def _ends(path: str) -> Iterator[str]:
  """`b/c` and `c` for `a/b/c`."""
  while '/' in path:
    path = path.partition('/')[2]
    yield path
