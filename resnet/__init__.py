"""Residual networks and the run loop that every network uses."""
