"""Where λ_f log n can begin, and where two classes change the order of their free energies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from pfmap.functions.named import BooleanFunction
from pfmap.settings.campaign import Campaign
from pfmap.store.schema import arrow_schema
from pfmap.volume import FreeEnergy, Side, find_crossings
from pfmap.volume.asymptote import asymptote_start
from pfmap.volume.curves import Wanted, crossing_row
from pfmap.volume.known import KnownBounds

MOST_LISTED = 2.0
"""λ_f of functions of four inputs up to which the cells that attain it are listed: a second a class
there, twenty at λ_f = 4. With fewer inputs all are."""


def begins_at(
    campaign: Campaign, key: str, signs: np.ndarray, bounds: tuple[float, float], energy: FreeEnergy
) -> float:
    """Lower bound on the n at which λ_f log n can begin to be the leading term of F.

    By the prior mass of the exact realisations where λ_f is exact and they are few, and by where
    λ_eff is still above the upper bound on λ_f (`pfmap.volume.asymptote`).

    Parameters
    ----------
    campaign : Campaign
    key : str
        Of the function.
    signs : ndarray, shape (points,)
    bounds : tuple of float
        Lower and upper bound on λ_f; NaN where there is none.
    energy : FreeEnergy

    Returns
    -------
    float
        NaN where nothing is known.
    """
    low, high = bounds
    if math.isnan(high):
        return math.nan
    function = None
    n_inputs = campaign.n_inputs
    if low == high and (n_inputs <= 3 or (n_inputs == 4 and high <= MOST_LISTED) or high == 0.5):
        function = BooleanFunction(key, key, signs > 0.0)
    known = KnownBounds(Fraction(low), Fraction(high))
    return asymptote_start(campaign, Wanted(key, signs, function=function), energy, known)


def crossings(classes: pd.DataFrame, energies: pd.DataFrame) -> pd.DataFrame:
    """The table ``crossings`` of all pairs of classes with a curve.

    The terms of a crossing are split with measured P and the exact λ_f alone.

    Parameters
    ----------
    classes, energies : DataFrame
        Tables ``classes`` and ``free_energy``.
    """
    by_key = classes.set_index("function")
    sides = [_side(by_key.loc[key], rows) for key, rows in energies.groupby("function", sort=False)]
    return pd.DataFrame(_rows(sides), columns=arrow_schema("crossings").names)


def _side(row: Any, rows: pd.DataFrame) -> Side:
    """A class, as `find_crossings` needs it."""
    names = ("n", "free_energy", "free_energy_se", "lambda_eff", "lambda_eff_se")
    energy = FreeEnergy(*(rows[name].to_numpy(dtype=float) for name in names))
    exact = float(row["function_llc"])
    return Side(str(row.name), energy, float(row["log2_p"]), exact, float(row["log2_p_se"]), 0.0)


def _rows(sides: list[Side]) -> Iterator[dict[str, Any]]:
    """Rows of the table."""
    for f, g in itertools.combinations(sides, 2):
        for crossing in find_crossings(f, g):
            yield crossing_row(crossing, "squared")
