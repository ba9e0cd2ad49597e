"""Optical flow and chains of flow."""
