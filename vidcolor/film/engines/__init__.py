"""Engines that render the segments of a film."""
