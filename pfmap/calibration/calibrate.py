"""Run the estimator on a suite and compare it with the exact answers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from pfmap.calibration.known import KnownModel
from pfmap.calibration.limit import limit_columns
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.ladder.estimate import estimate_llc_ladder

LITERATURE_N_BETA = 10_000 / math.log(10_000)
"""nβ of the published tables: n = 10,000 and β = 1/log n."""

OFF = 0.03
"""Relative error beyond which no estimate may have the verdict ok."""

TOLD_APART = 0.2
"""m can be told apart from 1 where (m - 1)/λ exceeds this."""


def calibrate(
    suite: Sequence[KnownModel],
    *,
    precision: float = 0.015,
    max_steps: int = 16_000,
    seed: int = 1,
    threads: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Estimate λ and m of every model of a suite.

    Parameters
    ----------
    suite : sequence of KnownModel
    precision, max_steps : float, int
        Of `estimate_llc_ladder`.
    seed : int, default 1
    threads : int, default 1
        Models estimated side by side; the result does not depend on it.
    progress : callable, optional
        Called with the number of models done, of all, and the name of the last.

    Returns
    -------
    DataFrame
        One row a model: ``name, family, n_parameters, true_llc, true_multiplicity`` (exact),
        ``llc, llc_se, low, high, error`` (relative), ``z`` (in standard errors; 0 where both are
        exact), ``covered`` (the 95 % interval holds λ), ``multiplicity`` (null: undetermined),
        ``weight_true_m, limit_n_beta, limit`` (what no fit of that ladder could tell, of
        `pfmap.calibration.limit`), ``verdict, exact, rank, single_llc`` (E[nβK] at nβ = 1086,
        γ = 1, the value of the literature), ``n_gradients, elapsed_s``.

    Examples
    --------
    >>> from pfmap.calibration.known import regular
    >>> table = calibrate([regular(np.ones(4))])
    >>> float(table.loc[0, "true_llc"]), float(table.loc[0, "llc"]), table.loc[0, "verdict"]
    (2.0, 2.0, 'ok')
    """
    rows: dict[int, dict[str, object]] = {}

    def run(index: int) -> None:
        rows[index] = _row(suite[index], precision, max_steps, seed)
        if progress is not None:
            progress(len(rows), len(suite), suite[index].name)

    # Wide models first, so that no core waits for the last one.
    order = sorted(range(len(suite)), key=lambda i: -suite[i].model.n_parameters)
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, order))
    table = pd.DataFrame([rows[index] for index in range(len(suite))])
    return table.astype({"multiplicity": "Int64"})


def _row(known: KnownModel, precision: float, max_steps: int, seed: int) -> dict[str, object]:
    estimate = estimate_llc_ladder(
        known.model, known.center, radius=known.radius, precision=precision, max_steps=max_steps,
        use_exact=False, seed=seed, stream=(known.name,),
    )  # fmt: skip
    single = estimate_llc(
        known.model, known.center, center="given", n_beta=LITERATURE_N_BETA, gamma=1.0, steps=2000,
        warmup=500, seed=seed, stream=(known.name,),
    )  # fmt: skip
    true = float(known.exact.llc)
    miss = estimate.llc - true
    # Exact rows differ by rounding of rank/2 at most.
    z = 0.0 if abs(miss) < 1e-12 else miss / estimate.llc_se if estimate.llc_se else math.inf
    m = known.exact.multiplicity
    weights = estimate.multiplicity_weights
    return {
        "name": known.name,
        "family": known.family,
        "n_parameters": known.model.n_parameters,
        "true_llc": true,
        "true_multiplicity": m,
        "llc": estimate.llc,
        "llc_se": estimate.llc_se,
        "low": estimate.low,
        "high": estimate.high,
        "error": miss / true,
        "z": z,
        "covered": estimate.low - 1e-12 <= true <= estimate.high + 1e-12,
        "multiplicity": estimate.multiplicity,
        "multiplicity_resolution": estimate.multiplicity_resolution,
        "weight_true_m": weights[m - 1] if m <= len(weights) else 0.0,
        **limit_columns(known, estimate),
        "verdict": estimate.verdict,
        "needed_n_beta": estimate.needed_n_beta,
        "top_n_beta": estimate.n_betas[0] if len(estimate.n_betas) else math.nan,
        "exact": estimate.exact,
        "rank": estimate.rank,
        "single_llc": single.llc,
        "n_gradients": estimate.n_gradients,
        "elapsed_s": estimate.elapsed_s,
    }


def totals(table: pd.DataFrame) -> dict[str, float | int]:
    """What the suite says as a whole.

    Parameters
    ----------
    table : DataFrame
        From `calibrate`.

    Returns
    -------
    dict
        ``models``; ``ok``, how many have that verdict, and ``ok_off``, how many of these are off by
        more than 3 %; ``family_covered``, the lowest share of a family whose intervals hold λ;
        ``median_error`` and ``worst_ok_error``, relative; ``within_5_percent`` and ``covered``,
        shares of all models; the same two for the sampled ones alone, where rank/2 is not λ;
        ``told_apart``, models with m > 1 and (m - 1)/λ > 0.2, ``m_right``, the share of them
        whose m is stated and right, and of models of any kind ``m_stated`` and ``m_wrong``, how
        many have an m and how many a wrong one; ``pairs`` of one family with different λ, and
        ``pairs_ordered``, the share that the estimates order right; the median ``single_error`` of
        the literature's single temperature; ``gradients`` and ``elapsed_s`` in total, and
        ``median_s`` of a model.
    """
    error = table["error"].abs().fillna(math.inf)
    ok = table["verdict"] == "ok"
    sampled = ~table["exact"].astype(bool)
    apart = (table["true_multiplicity"] - 1) / table["true_llc"] > TOLD_APART
    stated = table["multiplicity"].notna()
    right = stated & (table["multiplicity"] == table["true_multiplicity"]).fillna(False)
    ordered = []
    for _, group in table.groupby("family"):
        values = group[["true_llc", "llc"]].to_numpy()
        for (true_a, a), (true_b, b) in itertools.combinations(values, 2):
            if true_a != true_b:
                ordered.append(a < b if true_a < true_b else a > b)
    single = (table["single_llc"] - table["true_llc"]).abs() / table["true_llc"]
    return {
        "models": len(table),
        "ok": int(ok.sum()),
        "ok_off": int((ok & (error > OFF)).sum()),
        "family_covered": float(table.groupby("family")["covered"].mean().min()),
        "median_error": float(error.median()),
        "worst_ok_error": float(error[ok].max()),
        "within_5_percent": float((error <= 0.05).mean()),
        "covered": float(table["covered"].mean()),
        "sampled": int(sampled.sum()),
        "sampled_median_error": float(error[sampled].median()),
        "sampled_within_5_percent": float((error[sampled] <= 0.05).mean()),
        "sampled_covered": float(table.loc[sampled, "covered"].mean()),
        "told_apart": int(apart.sum()),
        "m_right": float(right[apart].mean()) if apart.any() else math.nan,
        "m_stated": int(stated.sum()),
        "m_wrong": int((stated & ~right).sum()),
        "pairs": len(ordered),
        "pairs_ordered": float(np.mean(ordered)) if ordered else math.nan,
        "single_error": float(single.median()),
        "gradients": int(table["n_gradients"].sum()),
        "elapsed_s": float(table["elapsed_s"].sum()),
        "median_s": float(table["elapsed_s"].median()),
    }
