"""Optimizers that add gradients up over replicas, and what they step with."""

from official.optimizers.optimizers import (
  AdadeltaOptimizer,
  AdamOptimizer,
  GradsAndVars,
  LARSOptimizer,
  MomentumOptimizer,
  Optimizer,
)
from official.optimizers.training_step import train_op

__all__ = [
  'AdadeltaOptimizer',
  'AdamOptimizer',
  'GradsAndVars',
  'LARSOptimizer',
  'MomentumOptimizer',
  'Optimizer',
  'train_op',
]
