"""Whether the kernels of a run are compiled."""

from __future__ import annotations

from collections.abc import Iterable

from pfmap.kernels._jit import cache_root, kernel_digest

_MODULES = {
    "sample": ("express", "tally"),
    "complexity": ("lz",),
    "llc": ("langevin",),
    "volume": ("splitting",),
}


def compiled(stages: Iterable[str]) -> bool:
    """Whether the cache holds machine code of the largest kernels of `stages` as they are now."""
    names = [name for stage in stages for name in _MODULES.get(stage, ())]
    folders = [cache_root() / f"{name}-{kernel_digest(name)}" for name in names]
    return all(any(folder.rglob("*.nbc")) for folder in folders)
