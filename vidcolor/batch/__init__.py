"""Batches of films, photographs and image sequences."""
