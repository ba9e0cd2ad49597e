"""Training: datasets, degradations, simulated hints, losses and the training loop."""
