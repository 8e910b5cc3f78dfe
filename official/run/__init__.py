"""A run: one training in one folder."""
