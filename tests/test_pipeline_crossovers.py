"""Where λ_f log n can begin, and crossings of classes: from the tables of a campaign."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from pfmap.functions.named import parse_function
from pfmap.pipeline.crossovers import begins_at, crossings
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import FreeEnergy

N = np.geomspace(1.0, 1e6, 49)


def campaign(*widths: int):
    return campaign_from_mapping(
        {
            "network": {"widths": list(widths)},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def energy(slope: float, start: float = 0.0) -> FreeEnergy:
    zero = np.full(len(N), 1e-3)
    return FreeEnergy(N, start + slope * np.log(N), zero, 0.0 * N + slope, zero)


def test_the_mass_of_the_constants_realisations_bounds_where_they_can_lead():
    """All units off: q^H, q the share of units off everywhere; F(n) must have reached -ln of it."""
    for width in (8, 16):
        found = begins_at(campaign(3, width, 1), "00", -np.ones(8), (0.5, 0.5), energy(0.52))
        # F = .52 ln n here, while what all units off add needs  H ln(1/q) + ½ ln(1 + n) - ln 2.
        assert found > 1e6
    narrow = begins_at(campaign(3, 2, 1), "00", -np.ones(8), (0.5, 0.5), energy(0.52, 6.0))
    assert narrow < 1e3


def test_a_slope_above_the_bound_says_that_it_has_not_begun():
    function = parse_function("parity", 4)
    assert begins_at(campaign(4, 8, 1), function.key, function.signs, (3.0, 4.0), energy(8.0)) == (
        pytest.approx(1e6)
    )
    assert math.isnan(
        begins_at(campaign(4, 8, 1), function.key, function.signs, (3.0, 4.0), energy(3.5))
    )
    # Nothing bounds λ_f from above.
    assert math.isnan(
        begins_at(campaign(4, 8, 1), function.key, function.signs, (3.0, math.nan), energy(8.0))
    )


def test_pairs_of_classes_and_the_terms_of_their_crossing():
    classes = pd.DataFrame(
        {
            "function": ["a", "b", "c"], "log2_p": [-2.0, -7.0, -9.0], "log2_p_se": 0.1,
            "function_llc": [1.0, 0.25, np.nan],
        }
    )  # fmt: skip
    parts = []
    for name, item in (("a", energy(1.0)), ("b", energy(0.25, 3.0)), ("c", energy(2.0, 9.0))):
        parts.append(
            pd.DataFrame(
                {
                    "function": name, "n": N, "free_energy": item.free_energy,
                    "free_energy_se": item.free_energy_se, "lambda_eff": item.lambda_eff,
                    "lambda_eff_se": item.lambda_eff_se,
                }
            )
        )  # fmt: skip
    found = crossings(classes, pd.concat(parts))
    assert found[["function", "other"]].values.tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    crossed = found[found["n"].notna()]
    assert crossed[["function", "other"]].values.tolist() == [["a", "b"]]
    row = crossed.iloc[0]
    assert row["n"] == pytest.approx(math.exp(4.0), rel=1e-6)
    assert row["prior_bits"] == 5.0
    assert row["log_n_bits"] == pytest.approx(-0.75 * 4.0 / math.log(2.0))
    assert row["log_n_bits_se"] == 0.0
    # Not exact, so its terms are not split.
    assert found.loc[found["other"] == "c", "prior_bits"].isna().all()
