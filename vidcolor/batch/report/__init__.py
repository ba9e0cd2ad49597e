"""Reports of a run, as JSON and HTML."""
