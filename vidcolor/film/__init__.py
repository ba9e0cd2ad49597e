"""Colorizing films from file to file: plan, analyze, render in segments, and join."""
