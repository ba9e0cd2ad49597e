"""Optical flow between two frames, and flow chains over many frames; works on arrays."""
