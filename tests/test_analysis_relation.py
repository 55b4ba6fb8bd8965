"""Verdicts on relations that were planted, or not, by another hand than the module's own."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from pfmap.analysis.planting import design_of, plant
from pfmap.analysis.relation import judge_relation
from pfmap.errors import SettingsError

N_ROWS = 60
N_SETS = 120
QUICK = {"n_resamples": 200, "n_simulations": 600}


def planted(rho: float, seed: int, *, n_rows: int = N_ROWS) -> pd.DataFrame:
    """A tied quantity and a measured one, both going with a control, related by `rho` given it.

    Spearman's ρ of a normal pair of correlation r is (6/π) asin(r/2).
    """
    rng = np.random.default_rng([seed, 7])
    r = 2.0 * math.sin(math.pi * rho / 6.0)
    control, own = rng.normal(size=(2, n_rows))
    other = r * own + math.sqrt(1.0 - r * r) * rng.normal(size=n_rows)
    errors = rng.uniform(0.2, 1.0, size=n_rows)
    return pd.DataFrame(
        {
            "lz": np.round(3.0 * (own + 0.5 * control)),
            "llc": other + 0.5 * control + errors * rng.normal(size=n_rows),
            "llc_se": errors,
            "ones": control,
        }
    )


def judge(frame: pd.DataFrame, seed: int = 0, **settings: object):
    known = {"errors": {"llc": "llc_se"}, "controls": ("ones",), **QUICK, **settings}
    return judge_relation(frame, "lz", "llc", seed=seed, **known)


def found(rho: float) -> tuple[int, int]:
    """Of `N_SETS` data sets, those found to be related, and those whose interval excludes 0."""
    relations = [judge(planted(rho, seed), seed) for seed in range(N_SETS)]
    related = sum(relation.verdict == "related" for relation in relations)
    return related, sum(relation.estimate.excludes_zero for relation in relations)


@pytest.fixture(scope="module")
def detectable() -> float:
    """Least |ρ| that the design finds, over a few data sets without a relation."""
    undecided = [judge(planted(0.0, seed), n_simulations=2000) for seed in range(1000, 1005)]
    assert {relation.verdict for relation in undecided} == {"undecided"}
    return float(np.mean([relation.detectable for relation in undecided]))


def test_planted_relations_of_the_stated_strength_are_found(detectable: float) -> None:
    """In 80 %: 96 of 120, at least 75 (5 standard deviations)."""
    assert 0.4 < detectable < 0.75
    related, _ = found(detectable)
    assert related >= 0.8 * N_SETS - 5.0 * math.sqrt(N_SETS * 0.8 * 0.2)
    # Negative control: half as strong a relation is missed more often than found.
    assert found(0.5 * detectable)[0] < 0.5 * N_SETS


def test_without_a_relation_few_are_found() -> None:
    """In 1 % at most: 1.2 of 120, at most 6 (5 standard deviations)."""
    related, interval_alone = found(0.0)
    assert related <= 0.01 * N_SETS + 5.0 * math.sqrt(N_SETS * 0.01 * 0.99)
    assert interval_alone > related  # negative control: the interval alone finds more


def test_what_errors_hide_is_not_called_no_relation() -> None:
    """1,500 rows and errors forty times the spread: the interval lies within ±.2, and so what."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=1500)
    frame = pd.DataFrame(
        {
            "lz": true,
            "llc": 0.5 * true + rng.normal(size=1500) + 40.0 * rng.normal(size=1500),
            "llc_se": 40.0,
        }
    )
    hidden = judge(frame, controls=())
    assert max(abs(hidden.estimate.low), abs(hidden.estimate.high)) < 0.2
    assert hidden.verdict == "undecided"
    # Negative control: were the errors not reported, nothing would warn.
    assert judge(frame, controls=(), errors={}).verdict == "no relation"


def test_many_rows_without_a_relation_say_so() -> None:
    relation = judge(planted(0.0, 3, n_rows=2000))
    assert relation.verdict == "no relation"
    assert relation.bound < 0.2
    assert relation.text == f"no relation beyond {relation.bound:.2f}"


def test_noise_alone_cannot_be_related_however_it_is_shaped() -> None:
    """Errors that grow with y, and no spread besides: rows with large errors lie at both ends."""
    related = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        lz = rng.normal(size=40)
        errors = np.exp(2.0 * lz)
        frame = pd.DataFrame({"lz": lz, "llc": errors * rng.normal(size=40), "llc_se": errors})
        related += judge(frame, seed, controls=()).verdict == "related"
    assert related <= 0.01 * 60 + 5.0 * math.sqrt(60 * 0.01 * 0.99)


def test_the_strength_is_that_of_the_true_values() -> None:
    """Larger errors ask for a stronger relation, and r = 1 without errors is ρ = 1."""
    frame = planted(0.0, 1)
    noisier = judge(frame.assign(llc_se=1.2 * frame["llc_se"]))
    assert noisier.detectable > judge(frame).detectable + 0.05
    assert noisier.attenuation < judge(frame).attenuation
    x = np.arange(30.0)
    design = design_of(x, np.sin(x), np.zeros(30), np.zeros(30), np.zeros((30, 0)))
    whole = plant(design, 1.0, 3, np.random.default_rng(0))
    assert whole.observed == pytest.approx(1.0)
    assert plant(design, -1.0, 3, np.random.default_rng(0)).true == pytest.approx(-1.0)


def test_nothing_to_judge_is_undecided_with_the_reason() -> None:
    frame = planted(0.0, 0)
    few = judge(frame.head(5))
    assert few.text == "undecided: 5 rows, 8 needed"
    assert judge(frame.assign(lz=1.0)).text == "undecided: lz takes one value only"
    holes = frame.assign(lz=np.where(np.arange(N_ROWS) < 10, np.nan, frame["lz"]))
    assert judge(holes).estimate.n == N_ROWS - 10


def test_errors_that_are_none_are_refused() -> None:
    frame = planted(0.0, 0)
    with pytest.raises(SettingsError, match="at least 0, got others in llc_se"):
        judge(frame.assign(llc_se=-1.0))
    with pytest.raises(SettingsError, match="other columns than lz and llc"):
        judge(frame, controls=("lz",))


def test_the_same_seed_gives_the_same_verdict() -> None:
    assert judge(planted(0.3, 5)) == judge(planted(0.3, 5))
