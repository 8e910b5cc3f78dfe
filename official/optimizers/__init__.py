"""Optimizers that add gradients up over replicas, and what they step with."""

from official.optimizers.optimizers import (
  AdadeltaOptimizer,
  AdamOptimizer,
  GradsAndVars,
  LARSOptimizer,
  MomentumOptimizer,
  Optimizer,
)

__all__ = [
  'AdadeltaOptimizer',
  'AdamOptimizer',
  'GradsAndVars',
  'LARSOptimizer',
  'MomentumOptimizer',
  'Optimizer',
]
