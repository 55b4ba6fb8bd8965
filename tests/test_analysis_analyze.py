"""The whole analysis on real functions, and on tables that give it little to work with."""

from __future__ import annotations

import importlib
import math
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from synthetic_tables import (
    COMPLEXITIES,
    select,
    synthetic_campaign,
    synthetic_functions,
    synthetic_llc,
)
from threadpoolctl import threadpool_info, threadpool_limits

from pfmap.analysis import AnalysisResult, analyze, complexity_distribution, summary_text
from pfmap.analysis.quantities import counted_orbits, strata, with_controls
from pfmap.functions.probability import clopper_pearson
from pfmap.settings.read import campaign_from_mapping
from pfmap.store.schema import LLC, arrow_schema
from pfmap.store.tables import conform


@pytest.fixture(scope="module", autouse=True)
def _quick_envelopes():
    """Each resample of an envelope is a linear programme; its width has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pfmap.analysis.line.ENVELOPE_RESAMPLES", 5)
        yield


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Functions, and three definitions of λ for 40 of them; some rows not ok."""
    functions = synthetic_functions()
    chosen = select(functions, 40, 0)
    parts = [
        synthetic_llc(
            chosen,
            lambda f: 20 + 0.3 * f["lz"].to_numpy(),
            within_sd=0.5,
            llc_se=0.4,
            seed=1,
            center="target",
        ),
        synthetic_llc(chosen, lambda f: np.full(len(f), 50.0), within_sd=1.0, llc_se=0.8, seed=2),
        synthetic_llc(
            chosen,
            lambda f: np.full(len(f), 16.0),
            within_sd=0.0,
            llc_se=0.0,
            seed=3,
            estimator="rank",
        ),
    ]
    llc = pd.concat(parts, ignore_index=True)
    llc.loc[[10, 35, 60, 85, 110], "verdict"] = "not a minimum"
    llc.loc[7, "llc"] = np.nan
    return functions, llc


@pytest.fixture(scope="module")
def result(tables) -> AnalysisResult:
    return analyze(*tables, synthetic_campaign())


def coefficient(result: AnalysisResult, fit: str, response: str, name: str) -> pd.Series:
    rows = result.fits
    rows = rows[(rows["fit"] == fit) & (rows["response"] == response)]
    return rows[rows["coefficient"] == name].iloc[0]


def correlation(result: AnalysisResult, x: str, y: str, method: str = "spearman") -> pd.Series:
    rows = result.correlations
    chosen = (rows["x"] == x) & (rows["y"] == y) & (rows["method"] == method)
    return rows[chosen & (rows["subset"] == "all")].iloc[0]


def test_tables_keep_the_contract(result):
    for name in ("fits", "correlations", "predictors"):
        table = getattr(result, name)
        contracted = conform(table, arrow_schema(name), name)
        assert contracted.num_rows == len(table) > 0
        for column in contracted.column_names:
            if contracted.schema.field(column).type == pa.string():
                assert contracted[column].null_count == 0, column


def test_the_same_tables_give_the_same_result(tables, result):
    again = analyze(*tables, synthetic_campaign())
    pd.testing.assert_frame_equal(again.fits, result.fits)
    pd.testing.assert_frame_equal(again.correlations, result.correlations)
    pd.testing.assert_frame_equal(again.predictors, result.predictors)
    other = analyze(*tables, synthetic_campaign().model_copy(update={"seed": 2}))
    pd.testing.assert_series_equal(other.fits["estimate"], result.fits["estimate"])
    assert not other.fits["low"].equals(result.fits["low"])


def test_threads_have_no_part_in_the_last_digit(tables, monkeypatch):
    """A matrix product is summed in an order that depends on how many threads share it."""

    def blas_threads(*_: object) -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    seen: list[int] = []
    module = importlib.import_module("pfmap.analysis.analyze")
    monkeypatch.setattr(module, "_probability_fits", lambda *_: seen.extend(blas_threads()) or [])
    with threadpool_limits(limits=2, user_api="blas"):
        assert 2 in blas_threads()
        analyze(tables[0].head(20), None, synthetic_campaign(bootstrap=100))
        assert 2 in blas_threads()
    assert set(seen) == {1}


def test_tables_of_lambda_are_left_as_they_were(tables):
    before = [table.copy() for table in tables]
    analyze(*tables, synthetic_campaign(bootstrap=100))
    for table, copy in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, copy)


def test_only_functions_and_orbits_counted_often_enough_enter(tables, result):
    functions, _ = tables
    counted = functions[functions["count"] >= 10]
    orbits = functions[functions["orbit_count"] >= 10]["orbit"].nunique()
    assert result.n_counted_functions == len(counted)
    assert result.n_counted_orbits == orbits
    row = correlation(result, "log2_p", "lz")
    assert row["n"] == len(counted)
    expected = counted["log2_p"].corr(counted["lz"], method="spearman")
    assert row["estimate"] == pytest.approx(expected)
    assert row["verdict"] == "descriptive"
    assert correlation(result, "log2_p_orbit", "lz")["n"] == orbits
    slope = np.polyfit(counted["lz"], counted["log2_p"], 1)[0]
    assert coefficient(result, "least_squares", "log2_p", "slope")["estimate"] == pytest.approx(
        slope
    )


def test_rare_functions_would_change_the_answer(tables, result):
    """Negative control: with every function in, the correlation is another one."""
    campaign = synthetic_campaign()
    settings = campaign.analysis.model_copy(update={"min_count": 1})  # a campaign file cannot
    loose = analyze(tables[0], None, campaign.model_copy(update={"analysis": settings}))
    strict = correlation(result, "log2_p", "lz")
    all_rows = correlation(loose, "log2_p", "lz")
    assert all_rows["n"] == len(tables[0])
    assert abs(all_rows["estimate"] - strict["estimate"]) > 0.1


def test_orbits_take_mean_lz_of_the_members_seen_and_least_lz_of_all(tables, result):
    functions, _ = tables
    orbits = counted_orbits(functions, 10).set_index("orbit")
    key = orbits["orbit_size"].idxmax()
    members = functions[functions["orbit"] == key]
    assert len(members) > 1
    assert orbits.loc[key, "lz_orbit_mean_seen"] == pytest.approx(members["lz"].mean())
    assert orbits.loc[key, "lz_orbit_min"] <= members["lz"].min()
    assert orbits.loc[key, "first_draw"] == members["first_draw"].min()
    row = correlation(result, "log2_p_orbit", "lz_orbit_min")
    assert row["n"] == len(orbits)
    expected = orbits["log2_p_orbit"].corr(orbits["lz_orbit_min"], method="spearman")
    assert row["estimate"] == pytest.approx(expected)
    assert row["verdict"] == "descriptive"
    fits = result.fits.query("fit == 'least_squares' and response == 'log2_p_orbit'")
    assert set(fits["predictor"]) == {"lz", "lz_orbit_mean_seen", "lz_orbit_min"}


def test_verdicts_of_three_definitions(result):
    assert correlation(result, "mala/target", "lz")["verdict"] == "supported"
    assert correlation(result, "mala/self", "lz")["verdict"] == "not supported"
    constant = correlation(result, "rank/self", "lz")
    assert constant["verdict"] == "not supported"
    assert "rank/self takes one value only" in constant["reason"]
    assert "all estimates are equal" in constant["reason"]
    # T itself is held fixed: what is left of it says nothing.
    ones = correlation(result, "mala/target", "ones")
    assert ones["verdict"] == "not supported"
    assert "no partial correlation given ones and entropy" in ones["reason"]
    # Both were estimated at the same draws: no verdict, however strongly they go together.
    assert correlation(result, "mala/self", "mala/target")["verdict"] == "descriptive"


def test_rows_dropped_are_counted(result):
    assert result.dropped["mala/target"].counts == {"nan": 1, "not a minimum": 5}
    row = coefficient(result, "variance_split", "mala/target", "rows_dropped")
    assert row["estimate"] == 6.0
    assert row["n"] == 114
    assert row["verdict"] == "1 nan, 5 not a minimum"


def test_orbits_count_with_all_their_draws_in_the_share_below_the_bound(tables, result):
    orbits = counted_orbits(tables[0], 10)
    bound = result.fits.query("fit == 'dingle_bound' and response == 'log2_p_orbit'")
    value = bound.set_index("coefficient")["estimate"]
    limit = value["slope"] * (orbits["lz"] - value["complexity_min"]) - value["b"]
    below = orbits["log2_p_orbit"] <= limit + 1e-9
    draws = orbits["orbit_count"]
    assert 0.0 < draws[below].sum() < draws.sum()
    assert value["share_of_draws_below"] == pytest.approx(draws[below].sum() / draws.sum())


def test_rows_dropped_by_what_they_measure_forbid_support(tables, result):
    """A verdict that strikes the simple functions leaves a table that looks complete."""
    functions, llc = tables
    mine = (llc["estimator"] == "mala") & (llc["center"] == "target")
    simple = llc["function"].isin(functions.nsmallest(8, "lz")["function"])
    campaign = synthetic_campaign()
    bent = llc.assign(verdict=llc["verdict"].where(~(mine & simple), "soft"))
    n_struck = int((mine & simple).sum())
    found = analyze(functions, bent, campaign)
    row = correlation(found, "mala/target", "lz")
    assert row["verdict"] == "not supported"
    assert re.search(r"rows dropped \(.*\), not at random: they differ in ", row["reason"])
    assert re.search(
        r"rows dropped \(.*\), not at random", summary_text(functions, found, campaign)
    )
    # Negative control: as many rows dropped at random leave the verdict as it was.
    order = np.random.default_rng(0).permutation(np.flatnonzero(mine))[:n_struck]
    verdicts = llc["verdict"].to_numpy(dtype=object).copy()
    verdicts[order] = "soft"
    found = analyze(functions, llc.assign(verdict=verdicts), campaign)
    assert "not at random" not in found.dropped["mala/target"].problem


def test_strata_hold_every_row_once(tables, result):
    ones = tables[0]["ones"].to_numpy()
    masks = np.array([mask for _, mask in strata(ones, 32)])
    assert (masks.sum(axis=0) == 1).all()
    rows = result.correlations
    within = rows[(rows["subset"] != "all") & (rows["x"] == "log2_p")]
    # Every complexity has its rows: with log2 P, with that of orbits, with every definition.
    for x, n_rows in (("log2_p", result.n_counted_functions), ("log2_p_orbit", None)):
        mine = rows[(rows["subset"] != "all") & (rows["x"] == x)]
        assert set(COMPLEXITIES) <= set(mine["y"])
        assert n_rows is None or (mine.groupby("y")["n"].sum() == n_rows).all()
    for label in result.splits:
        mine = rows[(rows["subset"] != "all") & (rows["x"] == label)]
        assert {"log2_p", *COMPLEXITIES} <= set(mine["y"])
    assert set(within["verdict"]) <= {"descriptive", "not supported"}


def test_the_size_of_an_orbit_is_held_fixed_with_orbit_based_p_alone(result):
    rows = result.correlations[result.correlations["method"] == "partial_spearman"]
    by_orbit = (rows["x"] == "log2_p_orbit") | (rows["y"] == "log2_p_orbit")
    assert set(rows["given"][by_orbit]) == {"ones, entropy, log2_orbit_size"}
    assert set(rows["given"][~by_orbit]) == {"ones, entropy"}
    assert {"mala/self", "log2_p_orbit"} <= set(rows["x"][by_orbit])
    size = result.predictors.set_index("predictor").loc["log2_orbit_size"]
    assert size["place"] >= 1
    assert np.isnan(size["gain"])


def test_entropy_is_added_where_the_campaign_has_none(tables):
    functions, _ = tables
    added, controls = with_controls(functions.drop(columns="entropy"), 32)
    assert controls == ("ones", "entropy")
    np.testing.assert_allclose(added["entropy"], functions["entropy"], atol=1e-12)


def test_unknown_functions_and_empty_keys_are_dropped(tables):
    functions, llc = tables
    strange = llc.head(20).assign(function="")
    result = analyze(functions, pd.concat([llc, strange]), synthetic_campaign(bootstrap=100))
    assert result.dropped["mala/target"].counts["unknown function"] == 18


@pytest.mark.parametrize(
    "llc", [None, pd.DataFrame(columns=[column.name for column in LLC])], ids=["none", "empty"]
)
def test_without_learning_coefficients(tables, llc):
    result = analyze(tables[0], llc, synthetic_campaign(bootstrap=100))
    assert not result.splits
    assert not result.correlations["x"].str.contains("/").any()
    assert "No learning coefficients" in summary_text(tables[0], result, synthetic_campaign())


def test_all_estimates_refused(tables):
    functions, llc = tables
    result = analyze(functions, llc.assign(verdict="not converged"), synthetic_campaign())
    assert all(
        "functions with 3 draws or more: 0" in split.problem for split in result.splits.values()
    )
    rows = result.correlations[result.correlations["x"].str.contains("/")]
    assert set(rows["verdict"]) == {"not supported"}
    assert rows["estimate"].isna().all()


@pytest.mark.parametrize("n_rows", [1, 2, 7])
def test_few_functions(n_rows):
    functions = synthetic_functions().head(n_rows)
    chosen = functions.head(3)
    llc = synthetic_llc(
        chosen, lambda f: np.arange(len(f)), within_sd=0.1, llc_se=0.1, seed=0, n_draws=1
    )
    result = analyze(functions, llc, synthetic_campaign())
    rows = result.correlations
    assert rows["estimate"].isna().all()
    assert (rows["verdict"] == "not supported").all()
    assert rows["reason"].str.contains("8 needed|8").all()
    assert summary_text(functions, result, synthetic_campaign()).startswith("# synthetic")


def test_constant_columns_and_missing_proxies(tables):
    functions = tables[0].assign(lz=5.0, lz_orbit_min=5.0, walsh_l1=np.nan)
    result = analyze(functions, None, synthetic_campaign(bootstrap=100))
    fits = result.fits
    assert fits["estimate"].isna().all()
    assert fits["verdict"].str.contains("takes one value only").all()
    text = summary_text(functions, result, synthetic_campaign(bootstrap=100))
    for predictor in ("lz", "lz_orbit_min"):
        assert f"least_squares of log2_p_orbit on {predictor}: not fitted: " in text
    row = correlation(result, "log2_p", "lz")
    assert (row["verdict"], row["reason"]) == ("not supported", "lz takes one value only")
    assert "walsh_l1" not in set(result.correlations["y"])
    bare = analyze(
        tables[0].drop(columns=list(COMPLEXITIES)), None, synthetic_campaign(bootstrap=100)
    )
    assert bare.fits.empty
    assert "nothing fitted" in summary_text(tables[0], bare, synthetic_campaign())


def test_a_proxy_computed_for_some_functions_only(tables):
    functions = tables[0].copy()
    functions.loc[functions.index[60:], "walsh_l1"] = np.nan
    result = analyze(functions, None, synthetic_campaign(bootstrap=100))
    assert correlation(result, "log2_p", "walsh_l1")["n"] == 60
    assert correlation(result, "log2_p", "lz")["n"] == result.n_counted_functions


def test_quantised_functions_have_no_ones_orbits_or_bound(tables):
    campaign = campaign_from_mapping(
        {
            "draws": 40_000,
            "network": {"widths": [1, 8, 1]},
            "domain": {"kind": "grid", "points": 32},
            "readout": {"kind": "quantised"},
            "analysis": {"bootstrap": 100, "noise_simulations": 200},
        }
    )
    functions = tables[0].drop(columns="entropy")
    for name in ("ones", "orbit", "orbit_size", "orbit_count", "log2_p_orbit"):
        functions[name] = None
    result = analyze(functions, tables[1], campaign)
    bound = coefficient(result, "dingle_bound", "log2_p", "a")
    assert np.isnan(bound["estimate"])
    assert "quantised" in bound["verdict"]
    assert coefficient(result, "least_squares", "log2_p", "slope")["verdict"] == "ok"
    row = correlation(result, "mala/target", "lz")
    assert row["verdict"] == "not supported"
    assert "no partial correlation" in row["reason"]
    assert "log2_p_orbit" not in set(result.correlations["x"])


def test_distribution_is_binomial_in_the_draws(tables):
    functions, _ = tables
    spread = complexity_distribution(functions)
    assert spread["count"].sum() == functions["count"].sum()
    assert spread["n_functions"].sum() == len(functions)
    assert spread["p"].sum() == pytest.approx(1.0)
    low, high = clopper_pearson(spread["count"].to_numpy(), 40_000)
    np.testing.assert_array_equal(spread["low"], low)
    np.testing.assert_array_equal(spread["high"], high)
    half = functions.assign(lz=functions["lz"].where(functions["lz"] > 10.0))
    assert complexity_distribution(half)["p"].sum() < 1.0


def test_summary_of_draws_that_are_all_new_claims_no_upper_bound(tables, result):
    functions = pd.concat([tables[0].assign(count=1)] * 20)
    text = summary_text(functions, result, synthetic_campaign())
    n = len(functions)
    assert f"probability 1 (1 - {-2 * math.log(0.025) / n:.2g} to 1; Good-Turing)" in text
    fewest = n + (n - 1) / n * n * (n - 1) / 2 / -math.log(0.025)
    assert f"At least {fewest:,.0f} functions in all (no upper bound" in text
    assert "inf" not in text


def test_summary_tells_what_matters_on_a_page(tables, result):
    text = summary_text(tables[0], result, synthetic_campaign())
    lines = text.splitlines()
    assert len(lines) <= 66
    assert max(map(len, lines)) <= 140
    for words in ("; holds: ", "% of rows", "Good-Turing", "Chao1, a lower bound", "Good-Toulmin"):
        assert words in text
    assert "named beforehand" in text
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    verdicts = {tuple(row[:2]): row[-1] for row in cells}
    assert verdicts["mala/target", "lz"] == "supported"
    assert verdicts["mala/self", "lz"] == "not supported"
    assert tables[0]["function"].iloc[0] in {row[0] for row in cells}
    dropped = {row[0]: row[-1] for row in cells if len(row) == 7}
    assert dropped["mala/target"] == "6"
