"""Engines: what renders the segments of films, in this process, in workers or in a Ray cluster."""
