"""The old place of :func:`cygnet.func.functional_call`."""

from __future__ import annotations

from cygnet.func import functional_call

__all__ = ["functional_call"]
