"""The families by name: those of the files here, and those that were added."""

from __future__ import annotations

import importlib
from typing import Any

from pfmap.errors import SettingsError

from . import NAMES
from ._family import Family, ModelSection

_ADDED: dict[str, Family] = {}


def family_names() -> tuple[str, ...]:
    """Names of all families, pfmap's own first."""
    return (*NAMES, *_ADDED)


def family_of(name: str) -> Family:
    """The record of a family.

    Raises
    ------
    SettingsError
        If there is none of that name.

    Examples
    --------
    >>> family_of("attention").exchangeable_inputs({"causal": True}).holds
    False
    """
    if name in _ADDED:
        return _ADDED[name]
    if name not in NAMES:
        raise SettingsError(
            f"model.family: must be one of {', '.join(family_names())}, got {name!r}",
            next_step="add one of your own by pfmap.models.register_family",
        )
    found: Family = importlib.import_module(f"{__package__}.{name}").FAMILY
    return found


def section_of(table: dict[str, Any]) -> type[ModelSection]:
    """The section that describes a table ``[model]``, by the family that it names.

    Raises
    ------
    SettingsError
        If it names none that there is.

    Examples
    --------
    >>> sorted(section_of({"family": "gated"}).model_fields)
    ['activation', 'degree', 'family', 'inputs', 'width']
    """
    family = table.get("family", "")
    if not isinstance(family, str):
        raise SettingsError("model.family: must be text")
    return family_of(family).section


def register_family(family: Family) -> None:
    """Add a family of your own to those that campaigns may have, in this process.

    Every process that uses it must register it, workers of a cluster too.

    Parameters
    ----------
    family : Family

    Raises
    ------
    SettingsError
        If the name is no identifier or is taken.

    Examples
    --------
    See docs/models.md.
    """
    if not family.name.isidentifier() or family.name in family_names():
        raise SettingsError(
            f"family: a new name must be an identifier that is not taken, got {family.name!r}",
            next_step=f"taken are {', '.join(family_names())}",
        )
    _ADDED[family.name] = family
