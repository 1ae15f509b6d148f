"""Timings of Cygnet and its peers: ``python -m benchmarks ops|train|infer``."""
