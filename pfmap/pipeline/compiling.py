"""Whether the kernels of a run are compiled."""

from __future__ import annotations

from collections.abc import Iterable

from pfmap.kernels._jit import kernel_folder

_MODULES = {
    "sample": ("express", "tally"),
    "complexity": ("lz",),
    "llc": ("langevin",),
    "volume": ("splitting",),
    "free_energy": ("splitting",),
}


def compiled(stages: Iterable[str]) -> bool:
    """Whether the cache holds machine code of the largest kernels of `stages` as they are now."""
    names = [name for stage in stages for name in _MODULES.get(stage, ())]
    folders = [kernel_folder(name) for name in names]
    return all(folder is not None and any(folder.glob("*.nbc")) for folder in folders)
