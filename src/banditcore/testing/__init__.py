"""Conformance suites, shipped so that a plug-in can run what the built-in parts have to pass."""
