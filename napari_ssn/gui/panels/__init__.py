"""The parts of the dock, one a file; they ask the session and hold no maths."""
