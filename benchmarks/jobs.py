"""The networks that are measured: one table for the project and its peers."""

import dataclasses
from typing import TYPE_CHECKING

# A command that only lists the names does not wait for NumPy.
if TYPE_CHECKING:
  import numpy as np


@dataclasses.dataclass(frozen=True)
class Job:
  """A network, its images and its batch.

  Attributes:
    network: `'resnet-18'`, `'resnet-20'`, `'resnet-50'` or `'alexnet'`.
    image_shape: Height, width and channels.
    num_classes: The number of logits.
    batch_size: The number of images in a training step.
    steps: The number of training steps in one turn.
    weight_decay: Factor of half the sum of squares of the kernels.
    dropout_rate: The share that AlexNet's dropout zeroes.
    learning_rate: The rate of plain momentum, for all sides.
    momentum: The momentum of that optimizer.
    batch_norm_momentum: The share of the moving statistics that a step keeps.
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
    """The number of layers of a residual network; None for AlexNet."""
    name, _, size = self.network.partition('-')
    return int(size) if name == 'resnet' else None


JOBS = {
  'resnet18-mnist': Job('resnet-18', (28, 28, 1), 10, 128, 20),
  'resnet20-cifar': Job('resnet-20', (32, 32, 3), 10, 128, 15, 1e-4),
  'alexnet-mnist': Job('alexnet', (28, 28, 1), 10, 100, 15),
  'resnet50-224': Job('resnet-50', (224, 224, 3), 1001, 8, 3, 1e-4),
}


def arrays(job: Job, batch_size: int) -> tuple['np.ndarray', 'np.ndarray']:
  """Returns random images float32 [N, H, W, C] and labels int32 [N].

  They are the same in every call, so that every side computes with the same
  numbers. The speed does not depend on whether a network can learn from them.
  """
  import numpy as np

  random = np.random.RandomState(0)
  images = random.randn(batch_size, *job.image_shape).astype(np.float32)
  labels = random.randint(0, job.num_classes, batch_size).astype(np.int32)
  return images, labels


def pixels(job: Job, batch_size: int) -> 'np.ndarray':
  """Returns random images uint8 [N, H, W, C], the same in every call."""
  import numpy as np

  shape = [batch_size, *job.image_shape]
  return np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
