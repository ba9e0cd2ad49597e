"""A film as a job: plan it, render it, put it together."""
