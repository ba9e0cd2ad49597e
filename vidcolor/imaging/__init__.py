"""Geometry, resizing and filtering of arrays."""
