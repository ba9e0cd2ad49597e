"""Propagation of color from key frames to all frames of a shot; works on arrays."""
