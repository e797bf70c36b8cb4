"""What is drawn on the canvas, and where."""
