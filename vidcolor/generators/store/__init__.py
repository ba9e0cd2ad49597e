"""Weights of generators: registry, download, cache, import, and safe loading."""
