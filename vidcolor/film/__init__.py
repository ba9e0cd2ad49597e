"""Films: plan, analyze, render in segments, and join, from file to file."""
