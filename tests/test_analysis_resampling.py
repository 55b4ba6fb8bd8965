"""Bootstrap by weights against plain resampling, and every coefficient against SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pfmap.analysis.correlate import (
    INTERVAL_ROWS,
    KENDALL_INTERVAL_ROWS,
    METHODS,
    correlate,
)
from pfmap.analysis.kendall import kendall_taus
from pfmap.analysis.resampling import (
    interval,
    midranks,
    rank_statistics,
    resample_weights,
    residuals,
    seeded,
    subset_rows,
)


@pytest.fixture(scope="module")
def columns() -> np.ndarray:
    """Thirty rows of four columns, two of them with many ties."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(30, 4))
    values[:, 0] = np.round(values[:, 0])
    values[:, 1] = np.round(2 * values[:, 1] + values[:, 0])
    return values


def expanded(weights: np.ndarray) -> np.ndarray:
    """Row indices of one resample."""
    return np.repeat(np.arange(len(weights)), weights.astype(int))


def test_midranks_are_those_of_the_resample(columns):
    weights = resample_weights(30, 20, np.random.default_rng(1))
    ranks = midranks(weights, columns[:, 0])
    for row, weight in zip(ranks, weights, strict=True):
        rows = expanded(weight)
        np.testing.assert_allclose(row[rows], stats.rankdata(columns[rows, 0]))


def test_rank_statistics_are_those_of_the_resample(columns):
    weights = resample_weights(30, 20, np.random.default_rng(2))
    found = rank_statistics(weights, columns, n_controls=2)
    for index, weight in enumerate(weights):
        sample = columns[expanded(weight)]
        np.testing.assert_allclose(found["pearson"][index], np.corrcoef(sample.T), atol=1e-12)
        spearman = stats.spearmanr(sample).statistic
        np.testing.assert_allclose(found["spearman"][index], spearman, atol=1e-12)
        ranks = stats.rankdata(sample, axis=0)
        design = np.column_stack([np.ones(len(sample)), ranks[:, 2:]])
        left = ranks[:, :2] - design @ np.linalg.lstsq(design, ranks[:, :2], rcond=None)[0]
        expected = np.corrcoef(left.T)[0, 1]
        assert found["partial_spearman"][index, 0, 1] == pytest.approx(expected, abs=1e-10)
        assert np.isnan(found["partial_spearman"][index, 0, 2])


def test_kendall_is_that_of_the_resample(columns):
    weights = resample_weights(30, 20, np.random.default_rng(3))
    names = {"a": columns[:, 0], "b": columns[:, 1], "c": columns[:, 2]}
    pairs = [("a", "b"), ("b", "c")]
    found = kendall_taus(weights, names, pairs)
    for x, y in pairs:
        for index, weight in enumerate(weights):
            rows = expanded(weight)
            expected = stats.kendalltau(names[x][rows], names[y][rows]).statistic
            assert found[x, y][index] == pytest.approx(expected, abs=1e-6)


def test_chunks_do_not_change_the_result(columns, monkeypatch):
    weights = resample_weights(30, 50, np.random.default_rng(4))
    whole = rank_statistics(weights, columns, n_controls=1)
    monkeypatch.setattr("pfmap.analysis.resampling._CHUNK_VALUES", 500)
    for name, values in rank_statistics(weights, columns, n_controls=1).items():
        np.testing.assert_array_equal(values, whole[name])


def test_constant_and_determined_columns_give_nan_without_a_warning():
    x = np.arange(12.0)
    values = np.column_stack([x, np.full(12, 0.1), x**3, x])
    found = rank_statistics(np.ones((1, 12)), values, n_controls=1)
    assert np.isnan(found["pearson"][0, 0, 1])
    assert np.isnan(found["spearman"][0, 0, 1])
    assert np.isnan(found["partial_spearman"][0, 0, 2])


def test_collinear_controls_are_harmless(columns):
    weights = np.ones((1, 30))
    ranks = np.stack([midranks(weights, column) for column in columns.T], axis=2)
    once = residuals(weights, ranks[:, :, :1], ranks[:, :, 2:3])
    twice = residuals(weights, ranks[:, :, :1], ranks[:, :, [2, 2]])
    np.testing.assert_allclose(once, twice, atol=1e-9)


def test_coefficients_agree_with_scipy_and_intervals_hold_them(columns):
    frame = pd.DataFrame(columns, columns=list("abcd"))
    found = {item.method: item for item in correlate(frame, [("a", "b")], controls=("c",), seed=3)}
    assert set(found) == set(METHODS)
    a, b = columns[:, 0], columns[:, 1]
    expected = {
        "pearson": stats.pearsonr(a, b).statistic,
        "spearman": stats.spearmanr(a, b).statistic,
        "kendall": stats.kendalltau(a, b).statistic,
    }
    for method, value in expected.items():
        assert found[method].estimate == pytest.approx(value, abs=1e-12)
        assert found[method].low < value < found[method].high
    assert found["partial_spearman"].given == "c"


def test_intervals_agree_with_scipys_bootstrap():
    rng = np.random.default_rng(8)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    frame = pd.DataFrame({"x": x, "y": y})
    (item,) = correlate(frame, [("x", "y")], methods=["pearson"], n_resamples=4000, seed=1)
    plain = stats.bootstrap(
        (x, y),
        lambda a, b: stats.pearsonr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=4000,
        method="percentile",
        rng=2,
    )
    # An end of a percentile interval has a standard error of about 2.7 sd / sqrt(resamples).
    limit = 6 * 2 * 2.7 * plain.standard_error / np.sqrt(4000)
    assert item.low == pytest.approx(plain.confidence_interval.low, abs=limit)
    assert item.high == pytest.approx(plain.confidence_interval.high, abs=limit)


@pytest.mark.parametrize("method", ["pearson", "spearman", "kendall"])
def test_interval_of_many_rows_has_the_width_of_all_rows(method):
    """Rows beyond the limit count for the width: 16 times the rows, a quarter of it."""
    rng = np.random.default_rng(9)
    limit = KENDALL_INTERVAL_ROWS if method == "kendall" else INTERVAL_ROWS
    widths = []
    for n_rows in (limit, 16 * limit):
        x = rng.normal(size=n_rows)
        frame = pd.DataFrame({"x": x, "y": x + rng.normal(size=n_rows)})
        (item,) = correlate(frame, [("x", "y")], methods=[method], n_resamples=400, seed=2)
        widths.append(item.high - item.low)
    # The width from 400 resamples has a relative standard error of about 6 %.
    assert widths[0] / widths[1] == pytest.approx(4.0, rel=5 * 0.06 * np.sqrt(2))


def test_degenerate_pairs_say_why():
    x = np.arange(20.0)
    frame = pd.DataFrame(
        {"x": x, "constant": 3.0, "half": np.where(x < 7, x, np.nan), "double": 2 * x, "c": x}
    )
    nearly = np.zeros(20)
    nearly[4] = 1.0
    frame["nearly"] = nearly
    pairs = [("x", "constant"), ("x", "half"), ("x", "double"), ("x", "nearly")]
    found = {
        (item.y, item.method): item for item in correlate(frame, pairs, controls=("c",), seed=1)
    }
    assert found["constant", "pearson"].problem == "constant takes one value only"
    assert found["half", "spearman"].problem == "7 rows, 8 needed"
    assert found["double", "partial_spearman"].problem == "c determine x or double in these rows"
    assert found["double", "pearson"].estimate == pytest.approx(1.0)
    # A column constant but for one row is constant in (19/20)^20 = 36 % of the resamples.
    assert found["nearly", "pearson"].problem.startswith("a column is constant in 3")
    assert np.isnan(found["nearly", "pearson"].low)
    assert not found["nearly", "pearson"].excludes_zero
    assert ("c", "partial_spearman") not in found


def test_a_control_has_no_partial_correlation():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 2)), columns=["a", "c"])
    methods = [item.method for item in correlate(frame, [("a", "c")], controls=("c",))]
    assert methods == ["pearson", "spearman", "kendall"]


def test_pairs_use_the_rows_where_both_have_a_value():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    frame.loc[:4, "b"] = np.nan
    frame.loc[10:14, "c"] = np.nan
    found = {(i.x, i.y): i for i in correlate(frame, [("a", "b"), ("b", "c")], methods=["pearson"])}
    assert (found["a", "b"].n, found["b", "c"].n) == (25, 20)
    both = frame.dropna()
    expected = np.corrcoef(both["b"], both["c"])[0, 1]
    assert found["b", "c"].estimate == pytest.approx(expected)


def test_interval_reports_missing_resamples():
    low, high, missing = interval(np.array([np.nan, 1.0, 2.0, 3.0]))
    assert (low, high) == (pytest.approx(1.05), pytest.approx(2.95))
    assert missing == 0.25
    assert np.isnan(interval(np.full(3, np.nan))[0])


def test_seeds_depend_on_campaign_and_purpose_only():
    first = seeded(1, "a", "b").integers(2**60)
    assert first == seeded(1, "a", "b").integers(2**60)
    assert first != seeded(2, "a", "b").integers(2**60)
    assert first != seeded(1, "a", "c").integers(2**60)


def test_subset_is_everything_below_the_limit():
    rng = np.random.default_rng(0)
    assert subset_rows(5, 10, rng).tolist() == [0, 1, 2, 3, 4]
    rows = subset_rows(100, 10, rng)
    assert len(np.unique(rows)) == 10
    assert (np.diff(rows) > 0).all()
