"""Tables for tests of the analysis and the figures: real functions, made-up learning coefficients.

The functions are those of a (5, 8, 1) ReLU network with Gaussian weights, drawn with NumPy, weighed
and measured by pfmap. The learning coefficients are made up, so that the truth is known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.analysis import AnalysisResult
from pfmap.complexity import FunctionBatch, measure, orbit_minimum
from pfmap.functions.keys import keys_from_words, words_from_bits, words_from_keys
from pfmap.functions.probability import functions_table
from pfmap.functions.symmetry import prior_symmetries
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.store.schema import LLC, LZ_ORBIT_MIN, Column
from pfmap.store.tables import write_table

PROXIES = ("lz", "entropy", "sensitivity", "walsh_l1")
COMPLEXITIES = (*PROXIES, LZ_ORBIT_MIN.name)


def synthetic_campaign(**analysis: float) -> Campaign:
    """The campaign that the tables belong to; keywords change its analysis."""
    settings = {"bootstrap": 200, "noise_simulations": 300, **analysis}
    return campaign_from_mapping(
        {
            "name": "synthetic",
            "draws": 40_000,
            "network": {"widths": [5, 8, 1]},
            "prior": {"preset": "gaussian"},
            "analysis": settings,
        }
    )


@cache
def _functions() -> pd.DataFrame:
    campaign = synthetic_campaign()
    rng = np.random.default_rng(1)
    n = campaign.draws
    hidden = rng.normal(size=(n, 8, 5)) / np.sqrt(5) @ campaign.points.T + rng.normal(
        size=(n, 8, 1)
    )
    hidden = np.maximum(hidden, 0.0)
    weights = rng.normal(size=(n, 1, 8)) / np.sqrt(8)
    outputs = (weights @ hidden)[:, 0] + rng.normal(size=(n, 1))
    keys = keys_from_words(words_from_bits((outputs > 0).astype(np.uint8)), campaign.n_points, True)
    draws = pd.DataFrame({"function": np.asarray(keys, dtype=str), "draw": np.arange(n)})
    counts = draws.groupby("function")["draw"].agg(count="size", first_draw="min").reset_index()
    table = functions_table(counts, campaign).to_pandas()
    words = words_from_keys(table["function"], campaign.n_points, True)
    bits = np.unpackbits(words.astype(">u8").view(np.uint8), axis=1)[:, : campaign.n_points]
    batch = FunctionBatch("boolean", campaign.points, bits=bits)
    for name, values in measure(batch, PROXIES, threads=1).items():
        table[name] = values
    orbits = words_from_keys(table["orbit"], campaign.n_points, True)
    least = orbit_minimum(orbits, 5, prior_symmetries(campaign), threads=1)
    table[LZ_ORBIT_MIN.name] = np.where(table["orbit_count"] >= 10, least, np.nan)
    return table


def synthetic_functions() -> pd.DataFrame:
    """``functions.parquet`` of `synthetic_campaign`, with four proxies and the orbit's least lz."""
    return _functions().copy()


def select(functions: pd.DataFrame, n_functions: int, seed: int) -> pd.DataFrame:
    """Functions counted at least ten times, stratified over lz."""
    counted = functions[functions["count"] >= 10].sample(frac=1.0, random_state=seed)
    order = counted["lz"].rank(method="first").argsort()
    places = np.linspace(0, len(counted) - 1, n_functions).round().astype(int)
    return counted.iloc[order].iloc[places]


def synthetic_llc(
    selected: pd.DataFrame,
    truth: Callable[[pd.DataFrame], np.ndarray],
    *,
    within_sd: float,
    llc_se: float,
    seed: int,
    n_draws: int = 3,
    estimator: str = "mala",
    center: str = "self",
) -> pd.DataFrame:
    """``llc.parquet``: λ of a function is ``truth``, plus noise between draws and of the estimator.

    Parameters
    ----------
    selected : DataFrame
        Rows of the table of functions.
    truth : callable
        From those rows to λ of each.
    within_sd, llc_se : float
        Standard deviation between the draws of a function, and of the estimator; 0 reports none.
    seed : int
        Seed of the noise.
    n_draws : int, default 3
        Draws of each function.
    estimator, center : str
        Name of the definition.
    """
    rng = np.random.default_rng(seed)
    n_rows = len(selected) * n_draws
    noise = within_sd * rng.normal(size=n_rows) + llc_se * rng.normal(size=n_rows)
    rows = pd.DataFrame(
        {
            "function": np.repeat(selected["function"].to_numpy(), n_draws),
            "draw": np.arange(n_rows),
            "center": center,
            "estimator": estimator,
            "llc": np.repeat(np.asarray(truth(selected), dtype=float), n_draws) + noise,
            "llc_se": llc_se if llc_se > 0.0 else np.nan,
            "verdict": "ok",
        }
    )
    return rows.reindex(columns=[column.name for column in LLC])


def write_campaign(
    folder: Path,
    campaign: Campaign,
    functions: pd.DataFrame,
    llc: pd.DataFrame | None,
    result: AnalysisResult,
) -> Path:
    """Write a campaign's folder as the pipeline does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.toml").write_text(campaign.to_toml(), encoding="utf-8")
    extra = tuple(
        Column(name, pa.float64(), "", "") for name in functions.columns if name in COMPLEXITIES
    )
    write_table(folder / "functions.parquet", functions, "functions", extra=extra)
    if llc is not None:
        write_table(folder / "llc.parquet", llc, "llc")
    write_table(folder / "fits.parquet", result.fits, "fits")
    write_table(folder / "correlations.parquet", result.correlations, "correlations")
    write_table(folder / "predictors.parquet", result.predictors, "predictors")
    return folder
