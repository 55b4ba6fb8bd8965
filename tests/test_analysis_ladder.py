"""λ_eff at finite n in the analysis: every nβ is a definition of its own, with its own verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_tables import select, synthetic_campaign, synthetic_functions, synthetic_llc

from pfmap.analysis import AnalysisResult, analyze, summary_text


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    """λ_eff follows lz at nβ = 1000 and is noise at nβ = 10; one row has none."""
    functions = synthetic_functions()
    chosen = select(functions, 40, 0)
    truths = {10.0: lambda f: np.full(len(f), 3.0), 1000.0: lambda f: 5 + f["lz"]}
    parts = []
    for n_beta, truth in truths.items():
        rows = synthetic_llc(chosen, truth, within_sd=1.0, llc_se=0.0, seed=int(n_beta) + 2)
        rows = rows.rename(columns={"llc": "lambda_eff"})
        parts.append(rows.assign(n_beta=n_beta, estimator="quadratic"))
    ladder = pd.concat(parts, ignore_index=True)
    ladder.loc[0, "lambda_eff"] = None
    llc = synthetic_llc(
        chosen, lambda f: np.full(len(f), 9.0), within_sd=0.0, llc_se=0.0, seed=1, estimator="rank"
    )
    return analyze(functions, llc, synthetic_campaign(), ladder)


def test_every_n_beta_has_its_split_and_its_verdict(result):
    assert {"quadratic/self@10", "quadratic/self@1000"} < set(result.splits)
    assert result.splits["quadratic/self@1000"].low[0] > 0.5
    assert result.splits["quadratic/self@10"].low[0] == 0.0
    table = result.correlations
    rows = table[(table["y"] == "lz") & (table["subset"] == "all")].set_index(["x", "method"])
    assert rows.loc[("quadratic/self@1000", "spearman"), "verdict"] == "supported"
    assert rows.loc[("quadratic/self@10", "spearman"), "verdict"] == "not supported"
    # Attenuation is corrected where the reliability is at least 0.2, at each nβ.
    assert ("quadratic/self@1000", "pearson_disattenuated") in rows.index
    reliable = result.splits["quadratic/self@10"].reliability >= 0.2
    assert (("quadratic/self@10", "pearson_disattenuated") in rows.index) == reliable


def test_rows_without_a_value_count_as_dropped(result):
    assert result.dropped["quadratic/self@10"].counts == {"not a minimum or on a kink": 1}
    assert result.dropped["quadratic/self@1000"].n_dropped == 0


def test_rungs_are_not_correlated_with_each_other_nor_listed_in_the_summary(result):
    table = result.correlations
    assert not (table["x"].str.contains("@") & table["y"].str.contains("/")).any()
    text = summary_text(synthetic_functions(), result, synthetic_campaign())
    assert "@" not in text
