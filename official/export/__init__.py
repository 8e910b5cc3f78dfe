"""Exports a checkpoint as a model that serves."""
