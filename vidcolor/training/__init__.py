"""Training of the embedded network: datasets, degradations, hints, losses and the loop."""
