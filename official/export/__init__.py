"""From a checkpoint to a model that serves."""
