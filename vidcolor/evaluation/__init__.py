"""Looking at results: comparison pictures and films, and reports of a run."""
