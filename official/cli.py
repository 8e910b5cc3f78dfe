"""The frame of every command: quiet start, one clear line for an error."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator

from absl import flags

from official import environment, flag_parsing
from official.errors import UserError

_HELP = {'--help', '-help', '-h', '-?', '--helpfull', '--helpshort'}
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def run(main: Callable[[], None]) -> None:
  """Parses the flags, imports TensorFlow quietly, runs `main` and exits.

  A `UserError` is printed as one line; its `exit_code` is the command's. An
  interrupt exits with 130. Anything else is a bug and keeps its traceback.
  """
  if _HELP & set(sys.argv[1:]):
    with contextlib.suppress(BrokenPipeError):  # `--help | head`
      print(sys.modules['__main__'].__doc__)
      print(flag_parsing.help_text(), flush=True)
      return
    os._exit(0)
  try:
    flag_parsing.parse(sys.argv)
    _start()
    main()
  except UserError as e:
    print(f'error: {e}', file=sys.stderr)
    sys.exit(e.exit_code)
  except KeyboardInterrupt:
    print('\ninterrupted: the same command goes on from here', file=sys.stderr)
    sys.exit(_INTERRUPTED)


def _start() -> None:
  flags_obj = flags.FLAGS
  environment.set_gpu_threads(
    flags_obj.tf_gpu_thread_mode, flags_obj.per_gpu_thread_count
  )
  with _quiet_stderr():
    import tensorflow as tf
  tf.get_logger().setLevel('ERROR')
  logging.basicConfig(
    stream=sys.stderr, format='%(levelname)s: %(message)s', force=True
  )
  level = logging.INFO if flags_obj.hooks else logging.WARNING
  logging.getLogger('official').setLevel(level)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
  """Keeps what libraries print at start to itself, unless they fail.

  TensorFlow's C++ part notes oneDNN and missing CUDA libraries before any
  setting of it is read.
  """
  sys.stderr.flush()
  with tempfile.TemporaryFile() as kept:
    terminal = os.dup(2)
    os.dup2(kept.fileno(), 2)
    try:
      yield
    except BaseException:
      kept.seek(0)
      os.write(terminal, kept.read())
      raise
    finally:
      os.dup2(terminal, 2)
      os.close(terminal)
