"""Generated from proto/banditcore/v1 by `make proto`; everything but this line is overwritten."""
