"""Trains a ResNet on ImageNet, or on your own photographs."""

from official import cli, flags
from resnet import resnet_flags

_BATCH_SIZE = 32
_EPOCHS = 90


def define_flags() -> None:
  """The flags of this main; its defaults are the original's."""
  resnet_flags.define_resnet_flags(['18', '34', '50', '101', '152', '200'])
  flags.define_photographs()
  flags.set_defaults(
    batch_size=_BATCH_SIZE,
    train_epochs=_EPOCHS,
    base_lr=0.128 * _BATCH_SIZE / 256,
    lr_schedule='piecewise',
  )


def main() -> None:
  """Flags, network, dataset, run loop."""
  from official import devices as devices_lib
  from official.datasets import catalog
  from resnet import imagenet_model, learning_rates, resnet_run_loop

  flags_obj = flags.FLAGS
  network = imagenet_model.name_of(flags_obj)
  devices = devices_lib.configure(flags_obj)
  dataset = catalog.load_imagenet(flags_obj)
  boundaries = [flags_obj.train_epochs * e / _EPOCHS for e in (30, 60, 80, 90)]
  resnet_run_loop.resnet_main(
    flags_obj,
    imagenet_model.imagenet_model_fn,
    dataset,
    network,
    learning_rates.from_flags(
      flags_obj,
      dataset,
      _BATCH_SIZE,
      boundaries,
      (1, 0.1, 0.01, 0.001, 1e-4),
      warmup=not flags_obj.fine_tune,
    ),
    devices,
  )


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
