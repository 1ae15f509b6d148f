"""PyTorch's place for tools beside the networks: `cygnet.utils.data`."""

from cygnet.utils import data

__all__ = ["data"]
