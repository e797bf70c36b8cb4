"""What a machine with a GPU does in one command: tests, times, and training (``make gpu``)."""
