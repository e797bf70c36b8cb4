"""What is taken to a machine with a GPU."""
