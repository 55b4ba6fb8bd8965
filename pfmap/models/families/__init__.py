"""Model families, one file each: a function that builds a program, and a record of its facts.

A campaign file names one in ``[model]``, with the function's keywords as keys. A new family is one
new file here that sets ``FAMILY``; names of files are names of families, and those that begin with
an underscore hold none.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

from pfmap.doors import open_door

if TYPE_CHECKING:
    from ._family import Fact, Family, Invariance, ModelSection
    from ._registry import family_of, register_family, section_of

NAMES: tuple[str, ...] = tuple(
    sorted(file.name for file in pkgutil.iter_modules(__path__) if not file.name.startswith("_"))
)
"""Names of the families of this folder; known without an import of them."""

__all__ = [
    "NAMES",
    "Fact",
    "Family",
    "Invariance",
    "ModelSection",
    "family_of",
    "register_family",
    "section_of",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "Fact": "pfmap.models.families._family:Fact",
        "Family": "pfmap.models.families._family:Family",
        "Invariance": "pfmap.models.families._family:Invariance",
        "ModelSection": "pfmap.models.families._family:ModelSection",
        "family_of": "pfmap.models.families._registry:family_of",
        "register_family": "pfmap.models.families._registry:register_family",
        "section_of": "pfmap.models.families._registry:section_of",
    },
)
