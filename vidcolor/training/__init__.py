"""Training: photographs, degradations, hints, batches, losses, the trainer."""
