"""Storage of a large distribution at half precision: its columns are all that is kept."""
