"""What reading a report costs, whoever reads it, and what it costs those who ask for decisions meanwhile.

Run: `make bench-reports`, about five minutes. Writes docs/benchmarks/reports.md and .json.
"""
