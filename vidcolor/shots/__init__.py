"""Shot detection and shot lists."""
