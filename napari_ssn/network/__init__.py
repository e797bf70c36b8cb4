"""From an image to the parameters of a logit distribution."""
