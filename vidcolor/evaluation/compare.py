"""Two films or two pictures in one, to be looked at."""
