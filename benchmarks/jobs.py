"""The networks that are measured: one table for the project and its peers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Job:
  """A network, its images and its batch.

  Attributes:
    network: `'resnet-18'`, `'resnet-20'`, `'resnet-50'` or `'alexnet'`.
    image_shape: height, width and channels.
    num_classes: number of logits.
    batch_size: images a training step.
    steps: training steps a turn.
    weight_decay: of kernels.
    dropout_rate: of AlexNet.
  """

  network: str
  image_shape: tuple[int, int, int]
  num_classes: int
  batch_size: int
  steps: int
  weight_decay: float = 5e-4
  dropout_rate: float = 0.2
  learning_rate: float = 1e-3
  momentum: float = 0.9
  batch_norm_momentum: float = 0.9

  @property
  def resnet_size(self) -> int | None:
    """Layers of a residual network; None for AlexNet."""
    name, _, size = self.network.partition('-')
    return int(size) if name == 'resnet' else None


JOBS = {
  'resnet18-mnist': Job('resnet-18', (28, 28, 1), 10, 128, 20),
  'resnet20-cifar': Job('resnet-20', (32, 32, 3), 10, 128, 15, 1e-4),
  'alexnet-mnist': Job('alexnet', (28, 28, 1), 10, 100, 15),
  'resnet50-224': Job('resnet-50', (224, 224, 3), 1001, 8, 3, 1e-4),
}


def arrays(job: Job, batch_size: int):
  """Random images float32 [N, H, W, C] and labels int32 [N], always the same.

  Neither is what a network would learn from; every side gets the same.
  """
  import numpy as np

  random = np.random.RandomState(0)
  images = random.randn(batch_size, *job.image_shape).astype(np.float32)
  labels = random.randint(0, job.num_classes, batch_size).astype(np.int32)
  return images, labels


def pixels(job: Job, batch_size: int):
  """Random images uint8 [N, H, W, C], always the same."""
  import numpy as np

  shape = [batch_size, *job.image_shape]
  return np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
