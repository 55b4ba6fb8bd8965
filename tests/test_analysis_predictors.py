"""Complexities ranked as predictors: what is planted comes first, what is shuffled fails."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold, cross_val_score

from pfmap.analysis.predictors import FOLDS, REPEATS, corrected_interval, predictor_rows

N = 600


def table(seed: int = 1) -> pd.DataFrame:
    """log2 P falls with `planted` and with T; `echo` is T again, `shuffled` is nothing."""
    rng = np.random.default_rng(seed)
    ones = rng.integers(1, 64, size=N).astype(float)
    share = ones / 64
    entropy = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    planted = rng.normal(size=N)
    log2_p = -8 - 2 * np.tanh(2 * planted) - 2 * entropy + 0.5 * rng.normal(size=N)
    return pd.DataFrame(
        {
            "log2_p": log2_p,
            "ones": ones,
            "entropy": entropy,
            "planted": planted,
            "echo": np.abs(entropy + 0.05 * rng.normal(size=N)),
            "shuffled": rng.permutation(planted),
            "constant": 1.0,
            "sparse": np.where(np.arange(N) < N // 4, planted, np.nan),
        }
    )


def ranking(frame: pd.DataFrame, measures: list[str], seed: int = 1) -> pd.DataFrame:
    rows = predictor_rows(
        frame, "log2_p", measures, ["ones", "entropy"], counts=np.full(len(frame), 1000), seed=seed
    )
    return pd.DataFrame(rows).set_index("predictor")


@pytest.fixture(scope="module")
def ranked() -> pd.DataFrame:
    frame = table()
    return ranking(frame, [name for name in frame.columns if name != "log2_p"])


def test_the_planted_measure_comes_first_and_adds_to_the_controls(ranked):
    planted = ranked.loc["planted"]
    assert planted["place"] == 1
    assert planted["verdict"] == "beyond controls"
    # Its share of the variance, and that of the noise, are known.
    frame = table()
    share = np.var(2 * np.tanh(2 * frame["planted"])) / np.var(frame["log2_p"])
    assert planted["r_squared_low"] < share < planted["r_squared_high"]
    everything = ranked.loc["all measures"]
    possible = 1 - 0.25 / np.var(frame["log2_p"])  # the noise that was put in
    assert possible - 0.05 < everything["r_squared"] < possible + 0.02


def test_a_shuffled_measure_has_no_skill_and_an_echo_of_t_adds_nothing(ranked):
    shuffled = ranked.loc["shuffled"]
    assert shuffled["verdict"] == "no skill"
    assert abs(shuffled["r_squared"]) < 0.05
    assert shuffled["gain_low"] < 0
    assert ranked.loc["echo", "verdict"] == "skill"
    assert ranked.loc["entropy", "verdict"] == "skill"
    assert np.isnan(ranked.loc["entropy", "gain"])


def test_no_skill_is_the_rule_for_noise():
    """Twenty tables in which nothing predicts: hardly any verdict but `no skill`."""
    found = []
    for seed in range(20):
        frame = table(seed)[["planted", "echo", "ones", "entropy"]]
        frame["log2_p"] = np.random.default_rng(1000 + seed).normal(size=N)
        rows = ranking(frame, ["planted", "echo", "ones", "entropy"], seed)
        found += rows["verdict"][rows["place"].notna()].tolist()
    # Two-sided 95 % intervals: 2.5 % of 80 verdicts, and five standard errors of that count.
    assert sum(verdict != "no skill" for verdict in found) <= 2 + 5 * np.sqrt(80 * 0.025)


def test_what_cannot_be_ranked_says_why(ranked):
    assert ranked.loc["constant", "verdict"] == "not computed"
    assert ranked.loc["constant", "reason"] == "constant takes one value only"
    assert ranked.loc["sparse", "reason"] == "a value in 150 of 600 rows, 50% needed"
    few = ranking(table().head(30), ["planted"])
    assert few["reason"].tolist() == ["30 rows, 40 needed"]
    flat = ranking(table().assign(log2_p=-3.0), ["planted"])
    assert flat["reason"].tolist() == ["log2_p takes one value only"]


def test_the_ceiling_is_what_counting_leaves():
    """log2 of Poisson counts around one rate varies by counting alone: the ceiling is near 0."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(200, size=4000)
    frame = pd.DataFrame({"log2_p": np.log2(counts), "x": rng.normal(size=4000)})
    rows = predictor_rows(frame, "log2_p", ["x"], [], counts=counts, seed=1)
    ceiling = next(row for row in rows if row["model"] == "ceiling")
    # The variance of a sample of 4000 is known to sqrt(2/4000) = 2.2 %.
    assert ceiling["r_squared"] < 5 * 0.022
    assert ceiling["verdict"] == "reference"


def test_scores_are_those_of_scikit_learn():
    """A straight line, scored by scikit-learn's own repeated folds, gives the same R² and width."""
    frame = table()
    frame["line"] = -frame["log2_p"] + np.random.default_rng(2).normal(size=N)
    mine = ranking(frame, ["line"]).loc["line"]
    folds = RepeatedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=1)
    scores = cross_val_score(
        LinearRegression(), frame[["line"]], frame["log2_p"], cv=folds, scoring="r2"
    )
    theirs = corrected_interval(scores)
    assert mine["r_squared"] == pytest.approx(theirs[0], abs=0.02)
    width = mine["r_squared_high"] - mine["r_squared_low"]
    assert width == pytest.approx(theirs[2] - theirs[1], rel=0.5)


def test_what_only_echoes_the_size_of_an_orbit_adds_nothing_beyond_it():
    """Orbits of equal mean P, cut at ten counts: a small one is only counted if it is probable."""
    rng = np.random.default_rng(7)
    size = rng.choice([1, 8, 64, 512], size=4 * N).astype(float)
    log2_p_orbit = -16 + 2.5 * rng.normal(size=4 * N)
    frame = pd.DataFrame(
        {
            "log2_p_orbit": log2_p_orbit,
            "log2_orbit_size": np.log2(size),
            "echo": np.log2(size) + rng.normal(size=4 * N),
        }
    )
    kept = frame[10**6 * size * 2**log2_p_orbit >= 10]

    def verdict(rows: pd.DataFrame, controls: list[str]) -> str:
        found = predictor_rows(
            rows, "log2_p_orbit", ["echo", "log2_orbit_size"], controls,
            counts=np.full(len(rows), 1000), seed=1,
        )  # fmt: skip
        return next(str(row["verdict"]) for row in found if row["predictor"] == "echo")

    assert verdict(frame, []) == "no skill"  # negative control: without the cut there is nothing
    assert verdict(kept, []) == "skill"
    without = kept.assign(flat=rng.normal(size=len(kept)))
    found = predictor_rows(
        without, "log2_p_orbit", ["echo", "flat"], ["flat"], counts=np.full(len(kept), 1000), seed=1
    )
    assert next(row for row in found if row["predictor"] == "echo")["verdict"] == "beyond controls"
    assert verdict(kept, ["log2_orbit_size"]) == "skill"
