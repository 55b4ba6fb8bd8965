"""Whether the sampling kernels are compiled."""

from __future__ import annotations

from pfmap.kernels._jit import cache_root, kernel_digest

_SAMPLING = ("express", "tally")


def compiled() -> bool:
    """Whether the cache holds machine code of the sampling kernels as they are now."""
    folders = [cache_root() / f"{name}-{kernel_digest(name)}" for name in _SAMPLING]
    return all(any(folder.rglob("*.nbc")) for folder in folders)
