"""Worlds to decide in and runs through them, on the same compiled policies and the same engine that serve."""
