"""Training and evaluating a model on one's own data."""
