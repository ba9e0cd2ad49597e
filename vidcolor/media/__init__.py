"""Everything that touches FFmpeg and picture files: the only package that imports `av`."""
