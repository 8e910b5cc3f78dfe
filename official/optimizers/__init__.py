"""Optimizers, each of whose steps is one fused op for each variable."""

from official.optimizers.adaptive import AdadeltaOptimizer, AdamOptimizer
from official.optimizers.lars import LARSOptimizer
from official.optimizers.momentum import MomentumOptimizer
from official.optimizers.optimizer import GradsAndVars, Optimizer
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
