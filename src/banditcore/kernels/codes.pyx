"""What compiled loops return in place of an arm, or of 0, for Python; the numbers are in codes.pxd."""
