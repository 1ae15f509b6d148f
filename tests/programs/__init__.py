"""Whole programs in PyTorch's spelling, as its examples and the field's papers write them.

Each is a generator function of the library alone, `torch` or `cygnet`. It first gives its models,
so that a test can start two libraries from the same weights, and then, step by step, a number that
tells how well it does, or that number and further ones.
"""
