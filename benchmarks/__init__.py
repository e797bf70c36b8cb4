"""Figures of speed, each as a ratio to what a user would otherwise use."""
