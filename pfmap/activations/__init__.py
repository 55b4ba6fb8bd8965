"""Activations, one file each: its functions and every fact about it, none by default.

Sampling, gradients, proofs, symmetries, verdicts, the kernel limit, docs and tests ask the record.
A file without one of the facts is an error at import, never a guess. A new activation is one new
file here that sets ``ACTIVATION``; names of files are names of activations, and those that begin
with an underscore hold no activation.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._arithmetic import fma
    from ._record import Activation
    from ._registry import ACTIVATIONS, facts_of, register_activation

NAMES: tuple[str, ...] = tuple(
    sorted(file.name for file in pkgutil.iter_modules(__path__) if not file.name.startswith("_"))
)
"""Names of the activations of this folder; known without an import of numpy."""

__all__ = ["ACTIVATIONS", "NAMES", "Activation", "facts_of", "fma", "register_activation"]


def __getattr__(name: str) -> Any:
    if name == "Activation":
        from ._record import Activation

        return Activation
    if name == "fma":
        from ._arithmetic import fma

        return fma
    if name in __all__:
        from . import _registry

        return getattr(_registry, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
