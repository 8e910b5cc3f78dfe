"""The frame of every command: quiet start, one clear line for an error."""

import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from absl import flags
from absl.logging import converter  # absl.logging defines --verbosity.

from official import environment
from official.errors import UserError, is_of_output
from official.flags import help_text, invocation, parsing

_HELP = {'--help', '-help', '-h', '-?', '--helpfull', '--helpshort'}
_SIGNALS: dict[int, str] = {
  signal.SIGINT: 'interrupted',
  signal.SIGTERM: 'terminated',
}
_LOGGERS = ('', 'official', 'official.estimator.warm_start', 'tensorflow')
_NVIDIA_DRIVER = '/dev/nvidiactl'


def run(
  main: Callable[..., None],
  *,
  with_tensorflow: bool = True,
  arguments: str | None = None,
) -> None:
  """Parses the flags, imports TensorFlow quietly, runs `main` and exits.

  A `UserError` is printed as one line; its `exit_code` is the command's. After
  SIGINT or SIGTERM training saves what it has, and the command exits with 130
  or 143 (128 and the signal's number, as shells have it); a second signal ends
  it at once. The other workers of a cluster stop at the same step, with 143.
  Anything else is a bug and keeps its traceback.

  Args:
    main: The command.
    with_tensorflow: Whether `main` needs TensorFlow, whose import takes
      seconds.
    arguments: The meaning of the words that are not flags, such as `'IMAGE'`;
      then at least one is required, and `main` gets them as a list. None allows
      no such word.
  """
  _open_what_is_closed()
  try:
    _run(main, with_tensorflow, arguments)
  except OSError as e:
    if not is_of_output(e):
      raise
    print(
      f'error: the output cannot be written: {e.strerror}',
      file=sys.stderr,
      flush=True,
    )
    os._exit(1)  # At an exit Python would try again.


def _open_what_is_closed() -> None:
  """Opens standard output and standard error where `>&-` or `2>&-` closed them.

  Otherwise the next file that the process opens would get that descriptor, and
  everything that is printed would go into it.
  """
  for number in range(3):
    try:
      os.fstat(number)
    except OSError:
      opened = os.open(os.devnull, os.O_RDWR)
      if opened != number:
        os.dup2(opened, number)
        os.close(opened)
  if sys.stdout is None:
    sys.stdout = open(os.devnull, 'w', encoding='utf-8')
  if sys.stderr is None:
    sys.stderr = open(os.devnull, 'w', encoding='utf-8')


def _run(
  main: Callable[..., None], with_tensorflow: bool, arguments: str | None
) -> None:
  if _HELP & set(sys.argv[1:]):
    with contextlib.suppress(BrokenPipeError):  # `--help | head`
      print(help_text.of(sys.argv[1:], invocation.command()), flush=True)
      return
    os._exit(0)
  try:
    with _signals_interrupt(), _loggers_restored():
      words = parsing.parse(sys.argv, arguments)
      if with_tensorflow:
        _import_tensorflow(flags.FLAGS)
      _set_up_logging(flags.FLAGS)
      main(*([words] if arguments else []))
      sys.stdout.flush()
  except BrokenPipeError:  # `| head` has seen enough.
    os._exit(128 + signal.SIGPIPE)
  except UserError as e:
    print(f'error: {e}', file=sys.stderr)
    sys.exit(e.exit_code)
  except _Interrupted as e:
    word = _SIGNALS[e.number]
    print(f'\n{word}: the same command goes on from here', file=sys.stderr)
    sys.exit(128 + e.number)
  except KeyboardInterrupt:  # A signal came to another worker.
    print(
      '\nstopped with another worker: the same commands go on from here',
      file=sys.stderr,
    )
    sys.exit(128 + signal.SIGTERM)


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
  """Turns signals into exceptions within it, and restores the handlers after.

  Afterwards SIGINT ends the process where Python's own handler would raise an
  exception: the command has nothing left to save.
  """
  before = {n: signal.signal(n, _interrupt) for n in _SIGNALS}
  try:
    yield
  finally:
    for number, handler in before.items():
      is_own = handler not in (None, signal.default_int_handler)
      signal.signal(number, handler if is_own else signal.SIG_DFL)


@contextlib.contextmanager
def _loggers_restored() -> Iterator[None]:
  """Restores the loggers that `_set_up_logging` changes."""
  loggers = [logging.getLogger(name) for name in _LOGGERS]
  before = [(each.handlers[:], each.level) for each in loggers]
  try:
    yield
  finally:
    for each, (handlers, level) in zip(loggers, before, strict=True):
      each.handlers[:] = handlers
      each.setLevel(level)


class _Interrupted(KeyboardInterrupt):
  """A signal asks the command to end."""

  def __init__(self, number: int):
    super().__init__()
    self.number = number


def _interrupt(number: int, frame: Any) -> None:
  del frame
  for each in _SIGNALS:
    signal.signal(each, signal.SIG_DFL)
  raise _Interrupted(number)


def _import_tensorflow(flags_obj: flags.FlagValues) -> None:
  if 'tf_gpu_thread_mode' in flags_obj:
    environment.set_gpu_threads(
      flags_obj.tf_gpu_thread_mode, flags_obj.per_gpu_thread_count
    )
  if os.environ.get('TF_CONFIG') or getattr(flags_obj, 'worker_hosts', None):
    environment.expect_lost_workers()
  with quiet_stderr() as chatter:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices('GPU')
    if os.path.exists(_NVIDIA_DRIVER) and not gpus:
      chatter.tell()


def _set_up_logging(flags_obj: flags.FlagValues) -> None:
  handler = logging.StreamHandler(sys.stderr)
  handler.setFormatter(logging.Formatter('%(levelname)s: %(message)s'))
  logging.getLogger().handlers[:] = [handler]  # Not those of libraries.
  _set_levels(flags_obj)


def _set_levels(flags_obj: flags.FlagValues) -> None:
  """Sets which messages are logged: by --verbosity, or the useful ones."""
  has_hooks = 'hooks' in flags_obj and flags_obj.hooks
  levels = {
    'official': logging.INFO if has_hooks else logging.WARNING,
    # It reports what a warm start loaded and what it did not.
    'official.estimator.warm_start': logging.INFO,
    'tensorflow': logging.ERROR,
  }
  if flags_obj['verbosity'].present:
    given = converter.absl_to_standard(flags_obj.verbosity)
    levels = dict.fromkeys(levels, given)
  for name, level in levels.items():
    logging.getLogger(name).setLevel(level)


class _Chatter:
  """What libraries print when they start, as TensorFlow's C++ part does."""

  def __init__(self, terminal: int):
    self._terminal = terminal
    self.file = tempfile.TemporaryFile()

  def tell(self) -> None:
    """Prints it after all: for example, it says why a GPU cannot be used."""
    self.file.seek(0)
    os.write(self._terminal, self.file.read())


@contextlib.contextmanager
def quiet_stderr(tell: bool = True) -> Iterator[_Chatter]:
  """Holds standard error back, and prints it if an exception ends the block.

  TensorFlow's notes about oneDNN and missing CUDA libraries come before it
  reads any setting, so no setting can turn them off.

  Args:
    tell: Whether to print the text after an exception.
  """
  sys.stderr.flush()
  terminal = os.dup(2)
  chatter = _Chatter(terminal)
  os.dup2(chatter.file.fileno(), 2)
  try:
    yield chatter
  except Exception:
    if tell:
      chatter.tell()
    raise
  finally:
    os.dup2(terminal, 2)
    os.close(terminal)
    chatter.file.close()
