"""Color over time and space: arrays in, arrays out, no files."""
