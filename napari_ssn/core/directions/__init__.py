"""The axes of the uncertainty, and what each of them does to the label map."""
