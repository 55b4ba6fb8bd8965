"""Rows that tie stand in the order of their table, on every processor."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pfmap.analysis import summary
from pfmap.analysis.extended import compared_functions
from pfmap.settings.campaign import Campaign

N = 400
RNG = np.random.default_rng(1)
LOG2_P = -5.0 - RNG.integers(0, 3, size=N)
NAMES = [f"f{i}" for i in range(N)]


def in_table_order(names: list[str]) -> bool:
    """Whether names of equal probability follow each other as in the table."""
    places = np.array([int(name[1:]) for name in names])
    return list(places) == sorted(places, key=lambda i: (-LOG2_P[i], i))


def test_functions_of_one_count_keep_their_order():
    functions = pd.DataFrame(
        {"function": NAMES, "count": 1000, "p": 2.0**LOG2_P, "log2_p": LOG2_P.astype(float)}
    )
    evidence = pd.DataFrame(
        {"function": NAMES, "loss": "signs", "log2_p": LOG2_P + 0.1, "log2_p_se": 0.03, "runs": 8}
    )
    assert in_table_order(compared_functions(evidence, functions, Campaign())["function"].tolist())


def test_named_functions_of_one_bound_keep_their_order(monkeypatch):
    monkeypatch.setattr(summary, "TOP_NAMED", N)
    evidence = pd.DataFrame({
        "name": NAMES, "loss": "signs", "ones": 1, "log2_p": np.nan, "log2_p_se": np.nan,
        "log2_p_lower": -np.inf, "log2_p_upper": LOG2_P.astype(float), "verdict": "ok",
    })  # fmt: skip
    rows = [line for line in summary._named(evidence) if line.startswith("| ")]
    names = [row.split("|")[1].strip(" `") for row in rows]
    names = [name for name in names if name[1:].isdigit()]
    assert len(names) == N
    assert in_table_order(names)


def test_the_ties_are_seen():
    """Control: by their values alone the rows come in another order."""
    assert not in_table_order([f"f{i}" for i in np.lexsort((RNG.random(N), -LOG2_P))])
