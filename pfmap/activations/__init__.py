"""Activations, one file each: its functions and every fact about it, none by default.

Sampling, gradients, proofs, symmetries, verdicts, the kernel limit, docs and tests ask the record.
A file without one of the facts is an error at import, never a guess. A new activation is one new
file here that sets ``ACTIVATION``; names of files are names of activations, and those that begin
with an underscore hold no activation.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

from pfmap.doors import open_door

if TYPE_CHECKING:
    from ._arithmetic import fma
    from ._record import Activation
    from ._registry import ACTIVATIONS, facts_of, register_activation

NAMES: tuple[str, ...] = tuple(
    sorted(file.name for file in pkgutil.iter_modules(__path__) if not file.name.startswith("_"))
)
"""Names of the activations of this folder; known without an import of numpy."""

__all__ = ["ACTIVATIONS", "NAMES", "Activation", "facts_of", "fma", "register_activation"]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "ACTIVATIONS": "pfmap.activations._registry:ACTIVATIONS",
        "Activation": "pfmap.activations._record:Activation",
        "facts_of": "pfmap.activations._registry:facts_of",
        "fma": "pfmap.activations._arithmetic:fma",
        "register_activation": "pfmap.activations._registry:register_activation",
    },
)
