"""A fuzzer of the kernels' bindings and of the ops on tensors.

Valid calls are gathered by running the table of op cases (`harvest`), some of their arguments are
replaced by others of the same kind or of none (`mutate`), and a child process makes the calls
(`child`) under the eyes of a parent that knows which call a child died or hangs in (`__main__`).
Every call follows from a seed and its number.
"""
