"""Clips, photographs and command runs that the tests share."""
