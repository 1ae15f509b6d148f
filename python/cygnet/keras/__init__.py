"""Keras's names on Cygnet: models, layers, losses, metrics, optimizers and callbacks.

A facade: it holds no kernel and no gradient of its own. Tensors are Cygnet's, channels last.
"""
