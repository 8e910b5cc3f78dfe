"""Trains a ResNet on MNIST, or on any set of images in its form."""

from official import cli, flags
from resnet import resnet_flags

_BATCH_SIZE = 128


def define_flags() -> None:
  """The flags of this main; its defaults were chosen by measurement."""
  resnet_flags.define_resnet_flags()
  flags.define_dataset()
  flags.set_defaults(
    resnet_size='18',
    batch_size=_BATCH_SIZE,
    train_epochs=6,
    base_lr=0.025,
    weight_decay=5e-4,
    batch_norm_momentum=0.9,
  )


def main() -> None:
  """Flags, network, dataset, run loop."""
  from official import devices as devices_lib
  from official.datasets import catalog
  from resnet import learning_rates, mnist_model, resnet_run_loop

  flags_obj = flags.FLAGS
  network = mnist_model.name_of(flags_obj)
  devices = devices_lib.configure(flags_obj)
  dataset = catalog.load_mnist(flags_obj)
  resnet_run_loop.resnet_main(
    flags_obj,
    mnist_model.mnist_model_fn,
    dataset,
    network,
    learning_rates.from_flags(flags_obj, dataset, _BATCH_SIZE),
    devices,
  )


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
