"""PyTorch on the CPU: the same networks; eager, channels_last, compiled."""

import sys
from collections.abc import Sequence

import torch
from torch import nn

from alexnet import alexnet_model
from benchmarks import jobs, turns
from resnet import residual_blocks, resnet_model_fns


def network(job: jobs.Job) -> nn.Module:
  """Returns the network of the job, from images [N, C, H, W] to logits."""
  return _AlexNet(job) if job.resnet_size is None else _ResNet(job)


class _Convolution(nn.Sequential):
  """A convolution and its batch norm."""

  def __init__(
    self,
    job: jobs.Job,
    channels: int,
    filters: int,
    kernel_size: int,
    strides: int = 1,
  ) -> None:
    super().__init__(
      nn.Conv2d(
        channels,
        filters,
        kernel_size,
        strides,
        padding=kernel_size // 2,
        bias=False,
      ),
      nn.BatchNorm2d(filters, momentum=1 - job.batch_norm_momentum),
    )


class _Block(nn.Module):
  """A residual block, basic or bottleneck, by the plan of its convolutions."""

  def __init__(
    self,
    job: jobs.Job,
    channels: int,
    plan: Sequence[tuple[int, int, bool]],
    strides: int,
    project: bool,
  ) -> None:
    super().__init__()
    filters = plan[-1][0]
    self.shortcut = (
      _Convolution(job, channels, filters, 1, strides)
      if project
      else nn.Identity()
    )
    parts = []
    for index, (filters, kernel_size, strided) in enumerate(plan):
      if index:
        parts.append(nn.ReLU(inplace=True))
      step = strides if strided else 1
      parts.append(_Convolution(job, channels, filters, kernel_size, step))
      channels = filters
    self.body = nn.Sequential(*parts)

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return torch.relu_(self.body(x) + self.shortcut(x))


class _ResNet(nn.Sequential):
  def __init__(self, job: jobs.Job) -> None:
    arch = resnet_model_fns.mnist_architecture(job.resnet_size)
    channels = arch.num_filters
    parts = [
      _Convolution(
        job,
        job.image_shape[2],
        channels,
        arch.kernel_size,
        arch.conv_stride,
      ),
      nn.ReLU(inplace=True),
    ]
    if arch.first_pool_size:
      parts.append(
        nn.MaxPool2d(arch.first_pool_size, arch.first_pool_stride, 1)
      )
    for group, blocks in enumerate(arch.block_sizes):
      plan = residual_blocks.block_plan(
        arch.num_filters * 2**group, arch.bottleneck
      )
      for block in range(blocks):
        strides = 1 if block else arch.block_strides[group]
        parts.append(_Block(job, channels, plan, strides, not block))
        channels = plan[-1][0]
    super().__init__(
      *parts,
      nn.AdaptiveAvgPool2d(1),
      nn.Flatten(),
      nn.Linear(channels, job.num_classes),
    )


class _AlexNet(nn.Sequential):
  def __init__(self, job: jobs.Job) -> None:
    form = alexnet_model.FORMS['small']
    size, bias, alpha, beta = form.normalization
    height, _, channels = job.image_shape
    parts = []
    for block in form.convolutions:
      parts += [
        nn.Conv2d(channels, block.filters, block.kernel_size, padding='same'),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(*block.pool, ceil_mode=True),
        # PyTorch divides alpha by the size, TensorFlow does not.
        nn.LocalResponseNorm(size, alpha * size, beta, bias),
        nn.Dropout(job.dropout_rate),
      ]
      channels, height = block.filters, -(-height // 2)
    units = [channels * height**2, form.hidden_units, form.hidden_units]
    parts.append(nn.Flatten())
    for before, after in zip(units[:-1], units[1:], strict=True):
      parts += [nn.Linear(before, after), nn.ReLU(inplace=True)]
    super().__init__(*parts, nn.Linear(units[-1], job.num_classes))


def _batch(job: jobs.Job, batch_size: int) -> tuple[torch.Tensor, torch.Tensor]:
  images, labels = jobs.arrays(job, batch_size)
  images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
  return images, torch.from_numpy(labels).long()


def _prepared(
  job: jobs.Job, form: str, batch_size: int
) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
  """Returns the model, images and labels, in the layout of the form."""
  model = network(job)
  images, labels = _batch(job, batch_size)
  if form != 'eager':
    model = model.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
  return model, images, labels


def train(job: jobs.Job, form: str) -> None:
  """Trains by the usual loop.

  Args:
    job: The network to train and its data.
    form: `'eager'` (NCHW), `'channels_last'`, or `'compile'` (channels_last
      with `torch.compile`).
  """
  model, images, labels = _prepared(job, form, job.batch_size)
  kernels = [p for p in model.parameters() if p.ndim > 1]
  others = [p for p in model.parameters() if p.ndim == 1]
  optimizer = torch.optim.SGD(
    [
      {'params': kernels, 'weight_decay': job.weight_decay},
      {'params': others},
    ],
    lr=job.learning_rate,
    momentum=job.momentum,
    fused=True,
  )
  forward = torch.compile(model) if form == 'compile' else model
  loss_fn = nn.CrossEntropyLoss()

  def step() -> torch.Tensor:
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(forward(images), labels)
    loss.backward()
    optimizer.step()
    return loss

  for _ in range(3):
    step()
  count = sum(p.numel() for p in model.parameters())
  for amount in turns.orders(parameters=count):
    for _ in range(amount):
      loss = step()
    loss.item()


if __name__ == '__main__':
  train(jobs.JOBS[sys.argv[2]], sys.argv[1])
