"""Benchmarks of encnet beside rivals and plain forms: `python -m benchmarks SUBJECT`, in a checkout."""
