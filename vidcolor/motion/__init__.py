"""Optical flow, and flow chains over many frames."""
