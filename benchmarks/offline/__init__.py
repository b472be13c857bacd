"""What research on a log costs: replay of policies that learn, and a pass over ten million rows.

Run: `make bench-offline`, about three minutes and 200 MB of disk. Writes docs/benchmarks/offline.md and .json.
"""
