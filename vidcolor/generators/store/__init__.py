"""Weights: registry, download, checkpoints."""
