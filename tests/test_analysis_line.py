"""Bounds, envelopes and lines against exact answers."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.analysis.bound import bound_rows, dingle_bound
from pfmap.analysis.fit import FitRow
from pfmap.analysis.line import (
    ENVELOPE_ROWS,
    INTERVAL_ROWS,
    envelope_rows,
    least_squares_rows,
)


def by_name(rows: list[FitRow], fit: str | None = None) -> dict[str, FitRow]:
    return {row.coefficient: row for row in rows if fit in (None, row.fit)}


def bound_of(log2_p, complexity, seen, log2_possible=16.0, counts=None):
    return bound_rows(
        np.asarray(log2_p, dtype=float),
        np.asarray(complexity, dtype=float),
        np.ones(len(log2_p)) if counts is None else np.asarray(counts, dtype=float),
        np.asarray(seen, dtype=float),
        response="log2_p",
        predictor="lz",
        log2_possible=log2_possible,
    )


def test_bound_scales_complexity_to_log2_of_the_possible_functions():
    bound = dingle_bound(np.array([7.0, 10.0, 39.0]), 128)
    assert bound.a == 1.0
    assert bound.slope == -4.0
    np.testing.assert_allclose(bound.log2_p(np.array([7.0, 8.0, 39.0])), [0.0, -4.0, -128.0])


def test_shares_below_the_bound_by_hand():
    # Slope -16/(10 - 2) = -2: the bound is 0, -4, -8, -16 at K = 2, 4, 6, 10.
    rows = bound_of([-1, -5, -7, -3], [2, 4, 6, 10], [2, 4, 6, 10, 10], counts=[40, 20, 10, 30])
    plain = by_name(rows, "dingle_bound")
    assert plain["slope"].estimate == -2.0
    assert plain["share_of_functions_below"].estimate == 0.5
    assert plain["share_of_draws_below"].estimate == pytest.approx(0.6)


def test_variants_fix_b_as_named():
    seen = [2, 4, 6, 10, 10]
    rows = bound_of([-1, -5, -7, -3], [2, 4, 6, 10], seen)
    b = by_name(rows, "dingle_bound_normalised")["b"].estimate
    assert np.exp2(-2.0 * (np.array(seen) - 2.0) - b).sum() == pytest.approx(1.0)
    top = by_name(rows, "dingle_bound_top")["b"].estimate
    assert -2.0 * (2 - 2) - top == pytest.approx(-1.0)
    # The bound is 0, -4, -8, -16 at b = 0; the row at K = 10 lies 13 bits above it.
    fitted = by_name(rows, "dingle_bound_fitted")
    assert fitted["b"].estimate == -13.0
    assert fitted["share_of_functions_below"].estimate == 1.0


@pytest.mark.parametrize(
    ("log2_p", "complexity", "seen", "log2_possible", "reason"),
    [
        ([-1.0, -2.0], [2, 4], [2, 4], None, "quantised"),
        ([-1.0, -2.0], [2, 2], [2, 2], 16.0, "one value only"),
        ([], [], [2, 4], 16.0, "0 rows"),
        ([], [], [], 16.0, "one value only"),
    ],
)
def test_bound_without_a_meaning_is_a_row_with_a_reason(
    log2_p, complexity, seen, log2_possible, reason
):
    rows = bound_of(log2_p, complexity, seen, log2_possible)
    assert {row.fit for row in rows} == {
        "dingle_bound",
        "dingle_bound_normalised",
        "dingle_bound_top",
        "dingle_bound_fitted",
    }
    assert all(np.isnan(row.estimate) and reason in row.verdict for row in rows)


def lines(x, y, n_resamples=200, seed=0):
    return by_name(
        least_squares_rows(
            x,
            y,
            response="log2_p",
            predictor="lz",
            n_resamples=n_resamples,
            rng=np.random.default_rng(seed),
        )
    )


def envelope(x, y, quantile, n_resamples=100, seed=0):
    return by_name(
        envelope_rows(
            x,
            y,
            response="log2_p",
            predictor="lz",
            quantile=quantile,
            n_resamples=n_resamples,
            rng=np.random.default_rng(seed),
        )
    )


def test_least_squares_agrees_with_polyfit():
    rng = np.random.default_rng(1)
    x = rng.integers(2, 40, size=300) * 3.5
    y = -3.0 - 0.2 * x + rng.normal(size=300)
    rows = lines(x, y)
    slope, intercept = np.polyfit(x, y, 1)
    assert rows["slope"].estimate == pytest.approx(slope)
    assert rows["intercept"].estimate == pytest.approx(intercept)
    assert rows["r_squared"].estimate == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    for row in rows.values():
        assert row.low < row.estimate < row.high


def test_least_squares_interval_has_the_closed_form_width():
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    row = lines(x, 2.0 * x + rng.normal(size=400), n_resamples=1000)["slope"]
    # sd(slope) = 1/sqrt(n); the ends of 1000 resamples add about 3 % to the width's own 4 %.
    assert row.high - row.low == pytest.approx(2 * 1.96 / 20.0, rel=6 * 0.05)


def test_large_tables_keep_their_width_and_use_every_row_for_the_line():
    rng = np.random.default_rng(5)
    n = 9 * INTERVAL_ROWS
    x = rng.normal(size=n)
    y = 2.0 * x + rng.normal(size=n)
    row = lines(x, y, n_resamples=400)["slope"]
    assert row.estimate == pytest.approx(np.polyfit(x, y, 1)[0])
    # The ends of 400 resamples give the width with a relative error of about 6 %.
    assert row.high - row.low == pytest.approx(2 * 1.96 / np.sqrt(n), rel=5 * 0.06)
    assert envelope(x, y, 0.9)["slope"].n == ENVELOPE_ROWS


def test_envelope_recovers_the_quantile_line():
    rng = np.random.default_rng(3)
    n, quantile = 2000, 0.9
    x = rng.uniform(0.0, 10.0, size=n)
    noise = rng.uniform(size=n)
    rows = envelope(x, 1.0 - 0.5 * x + noise, quantile)
    below = 1.0 - 0.5 * x + noise <= rows["slope"].estimate * x + rows["intercept"].estimate + 1e-9
    assert below.mean() == pytest.approx(quantile, abs=2 / n + 1e-9)
    # Koenker & Bassett: sd = sqrt(q(1-q))/f = 0.3 for unit density; over sqrt(n) and sd(x) = 2.89.
    slope_sd = 0.3 / np.sqrt(n) / 2.89
    assert rows["slope"].estimate == pytest.approx(-0.5, abs=6 * slope_sd)
    # The median line of the same data lies 0.4 lower: a wrong quantile would be seen.
    wrong = envelope(x, 1.0 - 0.5 * x + noise, 0.5)
    centre = 5.0 * (rows["slope"].estimate - wrong["slope"].estimate)
    assert rows["intercept"].estimate - wrong["intercept"].estimate + centre > 0.3


def test_envelope_interval_has_the_closed_form_width():
    rng = np.random.default_rng(4)
    n = 1600
    x = rng.uniform(0.0, 10.0, size=n)
    row = envelope(x, -0.5 * x + rng.uniform(size=n), 0.9)["slope"]
    expected = 2 * 1.96 * 0.3 / np.sqrt(n) / 2.89
    # 100 resamples give the width with a relative error of 7 %; 400 rows, of the density, more.
    assert 0.5 < (row.high - row.low) / expected < 2.0


@pytest.mark.parametrize("fit", [lines, lambda x, y: envelope(x, y, 0.95)])
@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (np.arange(3.0), np.arange(3.0), "3 rows"),
        (np.ones(20), np.arange(20.0), "lz takes one value only"),
        (np.arange(20.0), np.ones(20), "log2_p takes one value only"),
        (np.empty(0), np.empty(0), "0 rows"),
    ],
)
def test_lines_through_degenerate_data_say_why(fit, x, y, reason):
    rows = fit(x, y)
    assert all(np.isnan(row.estimate) and reason in row.verdict for row in rows.values())
