"""The export as TFLite and ONNX, in the runtimes of these formats."""

import os
import sys

from benchmarks import jobs, turns


def _path(export_dir: str, name: str) -> str:
  return os.path.join(export_dir, 'assets.extra', name)


def onnx_runtime(job: jobs.Job, batch_size: str, export_dir: str) -> None:
  """Calls the export in ONNX Runtime, with its default settings."""
  import onnxruntime

  session = onnxruntime.InferenceSession(_path(export_dir, 'model.onnx'))
  images = jobs.pixels(job, int(batch_size))
  turns.repeat(lambda: session.run(['probabilities'], {'input': images}))


def tflite(job: jobs.Job, batch_size: str, export_dir: str) -> None:
  """Calls the export in LiteRT, with XNNPACK and one thread for each core."""
  from ai_edge_litert import interpreter

  model = interpreter.Interpreter(
    _path(export_dir, 'model.tflite'), num_threads=os.cpu_count()
  )
  runner = model.get_signature_runner('predict')
  images = jobs.pixels(job, int(batch_size))
  turns.repeat(lambda: runner(input=images))


if __name__ == '__main__':
  {'onnx': onnx_runtime, 'tflite': tflite}[sys.argv[1]](
    jobs.JOBS[sys.argv[2]], *sys.argv[3:]
  )
