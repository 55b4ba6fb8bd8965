"""λ_f of one function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.function_level.tabulated import bound_functions
from pfmap.functions import named
from pfmap.functions.halfspaces import cover_sizes
from pfmap.functions.named import BooleanFunction


@dataclass(frozen=True, repr=False)
class FunctionLlc(Displayed):
    """Bounds on λ_f of one function.

    Attributes
    ----------
    function : BooleanFunction
    widths : tuple of int
        Units of every layer of the network.
    low, high : float
        low <= λ_f <= high; NaN where nothing is known from above.
    reason : str
        Where both come from.
    """

    SHOWN: ClassVar = ("function.label", "widths", "llc", "low", "high")

    function: BooleanFunction
    widths: tuple[int, ...]
    low: float
    high: float
    reason: str

    @property
    def llc(self) -> float:
        """λ_f where both bounds agree, else NaN."""
        return self.low if self.low == self.high else math.nan


def function_llc(
    function: str | ArrayLike | BooleanFunction, widths: tuple[int, ...]
) -> FunctionLlc:
    """λ_f, the least λ over all weights of a relu network that express ±1 of a function.

    The network has biases, a linear output, and a prior with mass near all parameters.

    Parameters
    ----------
    function : str, array_like of 0 and 1, or BooleanFunction
        The function, as `pfmap.functions.function` reads it.
    widths : tuple of int
        Units of every layer, inputs first and 1 last, with a hidden layer at least.

    Returns
    -------
    FunctionLlc
        By proof; `pfmap.function_level.bound_functions` does the same for many at once.

    Raises
    ------
    SettingsError
        If it is no function of so many inputs, or the widths are not those of such a network.

    Examples
    --------
    >>> function_llc("parity", (3, 16, 1)).llc, function_llc("parity", (3, 16, 16, 1)).llc
    (2.5, 1.0)
    """
    if len(widths) < 3 or widths[-1] != 1 or min(widths) < 1:
        raise SettingsError(
            f"widths: must be inputs, hidden layers and 1, got {widths}",
            next_step="for example (3, 16, 1)",
        )
    found = named.function(function, widths[0])
    bits = np.asarray(found.bits, dtype=np.uint8)[None]
    bounds = bound_functions(bits, tuple(widths[1:-1]), cover_sizes(bits))
    return FunctionLlc(
        found, tuple(widths), float(bounds.low[0]), float(bounds.high[0]), bounds.reason[0]
    )
