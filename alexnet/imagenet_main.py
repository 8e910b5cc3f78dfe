"""Trains AlexNet on ImageNet, or on your own photographs."""

from alexnet import alexnet_flags
from official import cli, flags

_BATCH_SIZE = 128


def define_flags() -> None:
  """The flags of this main; its defaults are the paper's."""
  alexnet_flags.define_alexnet_flags()
  flags.define_photographs()
  flags.set_defaults(
    alexnet_form='2012',
    image_size=227,
    batch_size=_BATCH_SIZE,
    train_epochs=90,
    base_lr=0.01,
    weight_decay=5e-4,
  )


def main() -> None:
  """Flags, dataset, network, run loop."""
  from alexnet import alexnet_model_fn
  from official import devices as devices_lib
  from official.datasets import catalog
  from resnet import learning_rates, resnet_run_loop

  flags_obj = flags.FLAGS
  devices = devices_lib.configure(flags_obj)
  dataset = catalog.load_imagenet(flags_obj)
  resnet_run_loop.resnet_main(
    flags_obj,
    alexnet_model_fn.alexnet_model_fn,
    dataset,
    alexnet_model_fn.name_of(flags_obj, dataset),
    learning_rates.from_flags(flags_obj, dataset, _BATCH_SIZE),
    devices,
  )


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
