"""Reading and writing of video and image files; no other package imports `av` or runs ffmpeg."""
