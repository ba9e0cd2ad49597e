"""Evaluation: metrics of images and films against ground truth, and comparisons."""
