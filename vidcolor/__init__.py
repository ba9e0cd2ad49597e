"""Turns black-and-white film into colour; luma, sound and timing untouched."""

__version__ = "0.1.0"
