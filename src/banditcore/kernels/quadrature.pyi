"""C level only; `gaussian` and `beta` are the Python faces."""
