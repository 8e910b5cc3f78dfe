"""Trains a ResNet on CIFAR-10, or on any set of small photographs."""

from official import cli, flags
from resnet import resnet_flags

_BATCH_SIZE = 128
_EPOCHS = 182


def define_flags() -> None:
  """The flags of this main; its defaults are the original's."""
  resnet_flags.define_resnet_flags()
  flags.define_dataset()
  flags.set_defaults(
    resnet_size='56',
    batch_size=_BATCH_SIZE,
    train_epochs=_EPOCHS,
    epochs_between_evals=10,
    weight_decay=2e-4,
    lr_schedule='piecewise',
  )


def main() -> None:
  """Flags, network, dataset, run loop."""
  from official import devices as devices_lib
  from official.datasets import catalog
  from resnet import cifar10_model, learning_rates, resnet_run_loop

  flags_obj = flags.FLAGS
  network = cifar10_model.name_of(flags_obj)
  devices = devices_lib.configure(flags_obj)
  dataset = catalog.load_cifar10(flags_obj)
  boundaries = [flags_obj.train_epochs * e / _EPOCHS for e in (91, 136, 182)]
  resnet_run_loop.resnet_main(
    flags_obj,
    cifar10_model.cifar10_model_fn,
    dataset,
    network,
    learning_rates.from_flags(flags_obj, dataset, _BATCH_SIZE, boundaries),
    devices,
  )


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
