"""Video and image files: the only package that imports `av` or runs ffmpeg."""
