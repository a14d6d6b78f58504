"""Gives freed memory back to the system, which glibc does reluctantly."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
LARGE_BYTES = 128 * 1024
"""glibc's own first threshold, which it raises to 32 MiB as soon as something large is freed."""


def keep_large_apart() -> None:
    """Let bodies and matrices have pages of their own, which go back when they are freed."""
    if _is_glibc():
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


def release() -> None:
    """Give back what was freed within the heap: after loading a graph, some 10 MB.

    Takes a millisecond, without the interpreter's lock.
    """
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc() -> bool:
    return hasattr(ctypes.CDLL(None), "malloc_trim")
