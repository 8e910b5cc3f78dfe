"""Data sets: one file each, all of them an `ImageDataset`."""
