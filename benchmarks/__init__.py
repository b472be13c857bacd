"""What is measured beside something else: kernels, stores, reports, and other libraries."""
