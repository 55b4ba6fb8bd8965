"""The records of all activations by name: those of the files here, and those that were added."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from pfmap.errors import SettingsError

from . import NAMES
from ._record import Activation

ACTIVATIONS: dict[str, Activation | Callable[[int], Activation]] = {}
"""The record of every activation, or what makes it from an exponent."""

for _name in NAMES:
    ACTIVATIONS[_name] = importlib.import_module(f"{__package__}.{_name}").ACTIVATION


def facts_of(name: str, degree: int) -> Activation:
    """The record of an activation.

    Parameters
    ----------
    name : str
        As in a campaign file.
    degree : int
        Exponent of ``monomial``; the others have none.

    Raises
    ------
    SettingsError
        If there is no record of that name.

    Examples
    --------
    >>> facts_of("monomial", 2).parity, facts_of("relu", 1).parity
    ('even', 'neither')
    """
    record = ACTIVATIONS.get(name)
    if record is None:
        raise SettingsError(
            f"activation: must be one of {', '.join(ACTIVATIONS)}, got {name!r}",
            next_step="add one of your own by pfmap.activations.register_activation",
        )
    return record if isinstance(record, Activation) else record(degree)


def register_activation(record: Activation) -> None:
    """Add an activation of your own to those that networks may have, in this process.

    Every process that uses it must register it, workers of a cluster too, in the same order if
    there are several. Its functions are compiled when a network first asks for them, and called
    through addresses, so that no kernel of pfmap is compiled again.

    Parameters
    ----------
    record : Activation
        With every fact; tests/test_activations.py checks those of pfmap's own by numbers.

    Raises
    ------
    SettingsError
        If the name is no identifier or is taken.

    Examples
    --------
    See docs/activations.md.
    """
    if not record.name.isidentifier() or record.name in ACTIVATIONS:
        raise SettingsError(
            f"activation: a new name must be an identifier that is not taken, got {record.name!r}",
            next_step=f"taken are {', '.join(ACTIVATIONS)}",
        )
    ACTIVATIONS[record.name] = record
