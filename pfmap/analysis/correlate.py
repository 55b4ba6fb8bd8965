"""Correlations of pairs of columns by four methods, with bootstrap intervals."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pfmap.analysis.kendall import kendall_taus
from pfmap.analysis.resampling import (
    interval,
    rank_statistics,
    resample_weights,
    seeded,
    subset_rows,
)

MIN_ROWS = 8
# Widths of intervals come from at most so many rows, scaled by the square root of rows; the
# coefficients themselves always come from all rows.
INTERVAL_ROWS = 1000
KENDALL_INTERVAL_ROWS = 400
METHODS = ("pearson", "spearman", "kendall", "partial_spearman")
_MISSING_LIMIT = 0.05


@dataclass(frozen=True)
class Estimate:
    """One coefficient; `problem` says why `estimate` or its interval is NaN, else empty."""

    x: str
    y: str
    method: str
    given: str
    n: int
    estimate: float
    low: float
    high: float
    problem: str

    @property
    def excludes_zero(self) -> bool:
        """Whether the 95 % interval exists and lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0


def correlate(
    frame: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    *,
    controls: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    n_resamples: int = 1000,
    seed: int = 0,
) -> list[Estimate]:
    """Correlate pairs of columns, each pair over the rows where both have a value.

    Parameters
    ----------
    frame : DataFrame
        One row a function or an orbit; numeric columns, NaN where there is no value.
    pairs : iterable of (str, str)
        Columns to be correlated.
    controls : sequence of str, default ()
        Columns held fixed by ``partial_spearman``. A pair that holds a control gets no such row;
        without controls there are none at all.
    methods : sequence of str, default `METHODS`
        Which coefficients.
    n_resamples : int, default 1000
        Bootstrap resamples of rows. Above `INTERVAL_ROWS` rows (`KENDALL_INTERVAL_ROWS` for
        kendall) the width comes from a random subset of m of the n rows, times sqrt(m/n).
    seed : int, default 0
        Seed of the bootstrap.

    Returns
    -------
    list of Estimate
        In the order of `pairs`, then of `methods`. Fewer than 8 rows, a constant column, or a
        column that the controls determine give NaN and a `problem`, never a warning.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) ** 2, "c": np.ones(20)})
    >>> for item in correlate(frame, [("a", "b"), ("a", "c")], methods=["spearman"]):
    ...     print(item.y, item.n, round(item.estimate, 6), item.problem or "ok")
    b 20 1.0 ok
    c 20 nan c takes one value only
    """
    pairs = list(pairs)
    finite = {
        name: np.isfinite(frame[name].to_numpy(dtype=float))
        for name in dict.fromkeys(itertools.chain.from_iterable(pairs))
    }
    groups: dict[bytes, list[tuple[str, str]]] = {}
    for x, y in pairs:
        groups.setdefault((finite[x] & finite[y]).tobytes(), []).append((x, y))
    found: dict[tuple[str, str], list[Estimate]] = {}
    for mask, members in groups.items():
        rows = frame[np.frombuffer(mask, dtype=bool)]
        rng = seeded(seed, "correlate", str(len(rows)))
        found.update(_same_rows(rows, members, tuple(controls), methods, n_resamples, rng))
    return [item for pair in pairs for item in found[pair]]


@dataclass(frozen=True)
class _Sample:
    """A coefficient of all rows, and of the resamples that give its interval."""

    value: float
    resampled: np.ndarray
    centre: float
    shrink: float

    def bounds(self) -> tuple[float, float, float]:
        """Ends of the 95 % interval and the share of resamples without a value."""
        low, high, missing = interval(self.resampled)
        low, high = (self.value + self.shrink * (end - self.centre) for end in (low, high))
        return max(low, -1.0), min(high, 1.0), missing


def _same_rows(
    frame: pd.DataFrame,
    pairs: list[tuple[str, str]],
    controls: tuple[str, ...],
    methods: Sequence[str],
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[tuple[str, str], list[Estimate]]:
    """Correlate pairs whose columns have a value in every row of `frame`."""
    quantities = dict.fromkeys(itertools.chain.from_iterable(pairs))
    names = [name for name in quantities if name not in controls] + list(controls)
    matrix = frame[names].to_numpy(dtype=float)
    constant = {name for name, column in zip(names, matrix.T, strict=True) if _is_constant(column)}
    samples: dict[str, dict[tuple[str, str], _Sample]] = {}
    if len(frame) >= MIN_ROWS:
        samples = _rank_samples(names, matrix, len(controls), n_resamples, rng)
        if "kendall" in methods:
            varying = [pair for pair in pairs if not constant & set(pair)]
            samples["kendall"] = _kendall_samples(names, matrix, varying, n_resamples, rng)
    result: dict[tuple[str, str], list[Estimate]] = {}
    for x, y in pairs:
        own = list(methods)
        if "partial_spearman" in own and (not controls or {x, y} & set(controls)):
            own.remove("partial_spearman")
        problem = ""
        if len(frame) < MIN_ROWS:
            problem = f"{len(frame)} rows, {MIN_ROWS} needed"
        elif constant & {x, y}:
            problem = f"{x if x in constant else y} takes one value only"
        result[x, y] = [
            _estimate(x, y, method, controls, len(frame), samples, problem) for method in own
        ]
    return result


def _is_constant(column: np.ndarray) -> bool:
    return len(column) == 0 or bool(np.ptp(column) <= 1e-12 * np.abs(column).max())


def _estimate(
    x: str,
    y: str,
    method: str,
    controls: tuple[str, ...],
    n_rows: int,
    samples: dict[str, dict[tuple[str, str], _Sample]],
    problem: str,
) -> Estimate:
    """Estimate of one pair by one method, NaN with the problem where there is none."""
    given = ", ".join(controls) if method == "partial_spearman" else ""
    nan = float("nan")
    if problem:
        return Estimate(x, y, method, given, n_rows, nan, nan, nan, problem)
    sample = samples[method][x, y]
    if np.isnan(sample.value):
        problem = f"{given} determine {x} or {y} in these rows"
        return Estimate(x, y, method, given, n_rows, nan, nan, nan, problem)
    low, high, missing = sample.bounds()
    if missing > _MISSING_LIMIT:
        problem = f"a column is constant in {missing:.0%} of the resamples: no interval"
        low = high = nan
    return Estimate(x, y, method, given, n_rows, sample.value, low, high, problem)


def _rank_samples(
    names: list[str],
    matrix: np.ndarray,
    n_controls: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[str, dict[tuple[str, str], _Sample]]:
    """Samples of pearson, spearman and partial_spearman of every pair."""
    subset = matrix[subset_rows(len(matrix), INTERVAL_ROWS, rng)]
    weights = resample_weights(len(subset), n_resamples, rng)
    value = rank_statistics(np.ones((1, len(matrix))), matrix, n_controls)
    centre = rank_statistics(np.ones((1, len(subset))), subset, n_controls)
    resampled = rank_statistics(weights, subset, n_controls)
    shrink = float(np.sqrt(len(subset) / len(matrix)))
    return {
        method: {
            (x, y): _Sample(
                float(value[method][0, i, j]),
                resampled[method][:, i, j],
                float(centre[method][0, i, j]),
                shrink,
            )
            for (i, x), (j, y) in itertools.product(enumerate(names), repeat=2)
        }
        for method in value
    }


def _kendall_samples(
    names: list[str],
    matrix: np.ndarray,
    pairs: list[tuple[str, str]],
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[tuple[str, str], _Sample]:
    """Samples of Kendall's tau-b of `pairs`."""
    from scipy.stats import kendalltau

    rows = subset_rows(len(matrix), KENDALL_INTERVAL_ROWS, rng)
    weights = resample_weights(len(rows), n_resamples, rng)
    columns = dict(zip(names, matrix.T, strict=True))
    subset = {name: column[rows] for name, column in columns.items()}
    centre = kendall_taus(np.ones((1, len(rows))), subset, pairs)
    resampled = kendall_taus(weights, subset, pairs)
    shrink = float(np.sqrt(len(rows) / len(matrix)))
    return {
        (x, y): _Sample(
            float(kendalltau(columns[x], columns[y]).statistic),
            resampled[x, y],
            float(centre[x, y][0]),
            shrink,
        )
        for x, y in pairs
    }
