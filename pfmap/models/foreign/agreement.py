"""Two sides that must give the same numbers, held against each other before anybody uses them."""

from __future__ import annotations

import numpy as np

from pfmap.errors import DataError

TOLERANCE = 1e-6
"""Largest difference that passes, over max(1, largest value)."""


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference over max(1, largest value of `theirs`); infinite where one is NaN.

    Examples
    --------
    >>> difference(np.array([1.0, 5.0]), np.array([1.0, 4.0]))
    0.25
    """
    if ours.shape != theirs.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(theirs).max(initial=0.0)))
    apart = np.abs(ours - theirs)
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0)) / scale


def require_agreement(what: str, ours: np.ndarray, theirs: np.ndarray, *, library: str) -> float:
    """The difference; DataError if it is above `TOLERANCE`.

    Parameters
    ----------
    what : str
        What is compared, for the message.
    ours, theirs : ndarray
        Of one shape.
    library : str
        Whose numbers `theirs` are.

    Examples
    --------
    >>> require_agreement("outputs", np.ones(2), np.zeros(2), library="PyTorch")
    Traceback (most recent call last):
        ...
    pfmap.errors.DataError: outputs: differ from PyTorch's by 1 of max(1, largest), more than 1e-06
    """
    found = difference(ours, theirs)
    if not found <= TOLERANCE:
        raise DataError(
            f"{what}: differ from {library}'s by {found:.3g} of max(1, largest), "
            f"more than {TOLERANCE:g}"
        )
    return found
