"""The words of the window. Pure functions, no state."""
