"""What a person reads: sentences, pictures, pages. Pure functions, no state."""
