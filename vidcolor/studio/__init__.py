"""`vidcolor studio`: a web server on which photos and films are colorized in a browser."""
