"""Generators: networks that predict chroma from luma, and where their weights come from.

Importing this package does not import torch; loading a generator does.
"""

from __future__ import annotations

from vidcolor.generators.base import Generator, Hints, Prediction
from vidcolor.generators.loader import load_encoder, load_generator, resolve_devices

__all__ = [
    "Generator",
    "Hints",
    "Prediction",
    "load_encoder",
    "load_generator",
    "resolve_devices",
]
