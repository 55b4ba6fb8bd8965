"""The stage ``llc``: a table of learning coefficients at given draws of given functions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.estimate import LlcEstimate, estimate_llc
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.nullity import Nullity
from pfmap.llc.quadratic import N_BETAS, quadratic_llc
from pfmap.llc.rank import weighted_jacobian
from pfmap.models.base import CompiledModel
from pfmap.settings.campaign import Campaign
from pfmap.store.schema import arrow_schema
from pfmap.threads import count_threads

NULL_COLUMNS = tuple(f"null_{cause.name}" for cause in dataclasses.fields(Nullity))
"""Null directions by cause, as the table names them."""

LONGER = (5, 25)
"""Steps of the second and the third attempt over those of the first."""


def sampler_arguments(campaign: Campaign) -> dict[str, Any]:
    """What a campaign settles of `estimate_llc`: temperature, locality, lengths, support, seed.

    Examples
    --------
    >>> sampler_arguments(Campaign())["chains"]
    4
    """
    names = {
        "n_beta", "gamma", "chains", "steps", "warmup", "replicas", "replica_ratio",
        "target_tolerance",
    }  # fmt: skip
    sampler = campaign.llc.model_dump(include=names)
    return {**sampler, "support": campaign.support, "seed": campaign.seed}


class LlcTables(NamedTuple):
    """The tables of the stage: ``llc`` and ``ladder``."""

    llc: pa.Table
    ladder: pa.Table


class Request(NamedTuple):
    """A learning coefficient asked for: a function, a draw of it, a center.

    Attributes
    ----------
    function : str
        Key.
    draw : int
    center : str
    weights : ndarray, shape (d,)
        Parameters of the draw.
    targets : ndarray, shape (points,)
        Of the center ``target``.
    """

    function: str
    draw: int
    center: str
    weights: np.ndarray
    targets: np.ndarray


Rows = list[dict[str, Any]]
Each = Callable[[list[Request]], Iterator[tuple[int, tuple[Rows, Rows]]]]


def llc_tables(
    campaign: Campaign,
    requests: pd.DataFrame,
    weights: np.ndarray,
    *,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
    each: Each | None = None,
) -> LlcTables:
    """Learning coefficients at draws of selected functions, for every center of the campaign.

    An estimate that comes out ``short`` or ``not converged`` is made again with five times the
    steps and, if need be, with twenty-five times: such rows are where the geometry is hard, and
    leaving them out would bend what is said of the rest.

    Parameters
    ----------
    campaign : Campaign
        ``campaign.llc`` holds centers and sampler settings.
    requests : DataFrame
        ``function, draw``.
    weights : ndarray, shape (requests, d)
        Parameters of those draws.
    progress : callable, optional
        Called with (done, total) estimates.
    threads : int, optional
        Estimates made at a time; None means one a CPU that this process may use. No result but
        ``elapsed_s`` depends on it.
    each : callable, optional
        Makes the estimates elsewhere: given requests, yields the place of each in the list and
        what `estimate_request` returns for it, in any order. None makes them here.

    Returns
    -------
    LlcTables
        Columns ``LLC`` of `pfmap.store.schema`: for every request and center one row with
        estimator ``rank``, one with ``mala`` and, unless ``llc.ladder_steps`` is 0, one with
        ``ladder``, in the order of the requests. Columns ``LADDER``: for every request and center
        one row with estimator ``quadratic`` for each of `N_BETAS`.
    """
    points = np.asarray(weights, dtype=np.float64)
    names = list(zip(requests["function"].astype(str), requests["draw"].astype(int), strict=True))
    targets = _targets(campaign, campaign.compiled_model(), [key for key, _ in names], points)
    tasks = [
        Request(*name, center, points[row], targets[row])
        for row, name in enumerate(names)
        for center in campaign.llc.centers
    ]
    made = each(tasks) if each is not None else _each_here(campaign, tasks, threads)
    results: dict[int, tuple[Rows, Rows]] = {}
    for place, rows in made:
        results[place] = rows
        if progress is not None:
            progress(len(results), len(tasks))
    tables = zip(*(results[place] for place in range(len(tasks))), strict=True)
    llc, ladder = ([row for part in parts for row in part] for parts in tables)
    return LlcTables(
        pa.Table.from_pylist(llc, schema=arrow_schema("llc")),
        pa.Table.from_pylist(ladder, schema=arrow_schema("ladder")),
    )


def _each_here(
    campaign: Campaign, tasks: list[Request], threads: int | None
) -> Iterator[tuple[int, tuple[Rows, Rows]]]:
    """Estimates made by threads of this process."""
    with one_blas_thread(), ThreadPoolExecutor(count_threads(threads)) as pool:
        futures = {
            pool.submit(estimate_request, campaign, task): place for place, task in enumerate(tasks)
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:  # Ctrl-C among them: do not make the user wait for the whole table
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def estimate_request(campaign: Campaign, request: Request) -> tuple[Rows, Rows]:
    """Rows of the tables ``llc`` and ``ladder`` for one request."""
    function, draw, center, weights, targets = request
    model = campaign.compiled_model()
    estimate = estimate_llc(
        model,
        weights,
        targets=targets if center == "target" else None,
        center=center,
        longer=LONGER,
        stream=(function, draw, center),
        **sampler_arguments(campaign),
    )
    rows = estimate_rows(estimate, function=function, draw=draw)
    if campaign.llc.ladder_steps > 0:
        targeted = model.with_targets(targets) if center == "target" else None
        rows.append(ladder_llc_row(campaign, model, estimate, rows[-1], targeted))
    place = {key: rows[0][key] for key in ("function", "draw", "center")}
    return rows, _ladder_rows(model, campaign.standard_deviations, estimate, place)


def estimate_rows(
    estimate: LlcEstimate, *, function: str = "", draw: int | None = None
) -> list[dict[str, Any]]:
    """The rows ``rank`` and ``mala`` of one estimate, as in the table ``llc``.

    An estimate without a Jacobian has no row ``rank``.
    """
    shared: dict[str, Any] = {
        "function": function,
        "draw": draw,
        "center": estimate.center,
        "multiplicity": None,
        "multiplicity_resolution": None,
        "settled_by": None,
        "rank": estimate.rank,
        "rank_gap": _finite(estimate.rank_gap),
        "rank_constant": estimate.rank_constant,
        "n_parameters": estimate.n_parameters,
        "loss_at_center": _finite(estimate.loss_at_center),
    }
    unknown = dict.fromkeys(NULL_COLUMNS)
    mala = (
        shared
        | unknown
        | {
            "estimator": "mala",
            "llc": _finite(estimate.llc),
            "llc_se": _finite(estimate.llc_se),
            "llc_slope": _finite(estimate.llc_slope),
            "relative_llc": _finite(estimate.llc / estimate.max_llc),
            "n_beta": estimate.n_beta,
            "gamma": estimate.gamma,
            "rhat": _finite(estimate.rhat),
            "ess": _finite(estimate.ess),
            "acceptance": _finite(estimate.acceptance),
            "verdict": estimate.verdict,
            "elapsed_s": estimate.elapsed_s,
        }
    )
    if estimate.rank is None:
        return [mala]
    known = vars(estimate.nullity) if isinstance(estimate.nullity, Nullity) else unknown
    rank = (
        shared
        | dict(zip(NULL_COLUMNS, known.values(), strict=True))
        | {
            "estimator": "rank",
            "llc": 0.5 * estimate.rank,
            # Where the rank is constant along the fibre and every null direction is tangent to it,
            # λ = rank/2, as for a regular model.
            "multiplicity": 1 if estimate.rank_constant and estimate.rank_verdict == "ok" else None,
            "relative_llc": 0.5 * estimate.rank / estimate.max_llc,
            "verdict": estimate.rank_verdict,
            "elapsed_s": estimate.rank_elapsed_s,
        }
    )
    return [rank, mala]


def ladder_llc_row(
    campaign: Campaign,
    model: CompiledModel,
    estimate: LlcEstimate,
    like: dict[str, Any],
    targeted: CompiledModel | None = None,
) -> dict[str, Any]:
    """The row ``ladder`` at the w* of an estimate: λ and m, exact or from a ladder of nβ.

    Where the rank is constant along the fibre, λ = rank/2 and m = 1 and nothing is sampled. On a
    kink, where the outputs have no Jacobian to solve for, where w* is no minimum, and for networks
    beyond ``llc.ladder_parameters`` it is null.

    Parameters
    ----------
    campaign : Campaign
        ``llc.ladder_steps``, ``llc.ladder_parameters`` and the seed.
    model : CompiledModel
        The network.
    estimate : LlcEstimate
        At w*.
    like : dict
        A row of the same estimate.
    targeted : CompiledModel, optional
        The network with the targets of the center ``target``; for the others, targets are the
        outputs at w*.
    """
    nothing = ("llc_slope", "n_beta", "gamma", "rhat", "ess", "acceptance", *NULL_COLUMNS)
    row = {**like, **dict.fromkeys(nothing), "estimator": "ladder"}
    exact = estimate.rank_constant and estimate.rank_verdict == "ok"
    if exact and estimate.rank is not None:
        llc = 0.5 * estimate.rank
        return row | {
            "llc": llc, "llc_se": 0.0, "relative_llc": llc / estimate.max_llc, "multiplicity": 1,
            "multiplicity_resolution": 0.0, "settled_by": "rank/2, constant along the fibre",
            "verdict": "ok", "elapsed_s": 0.0,
        }  # fmt: skip
    verdict = estimate.rank_verdict
    if verdict in ("ok", "soft") and model.n_parameters > campaign.llc.ladder_parameters:
        verdict = "skipped"
    if verdict not in ("ok", "soft"):
        return row | dict.fromkeys(("llc", "llc_se", "relative_llc", "multiplicity")) | {
            "verdict": verdict, "elapsed_s": 0.0,
        }  # fmt: skip
    center = estimate.center_weights
    centered = targeted or model.with_targets(model.outputs(center))
    if estimate.center == "bernoulli":
        centered = centered.in_bernoulli_form()
    found = estimate_llc_ladder(
        centered,
        center,
        max_steps=campaign.llc.ladder_steps,
        seed=campaign.seed,
        stream=(like["function"], like["draw"], estimate.center),
    )
    return row | {
        "llc": _finite(found.llc),
        "llc_se": _finite(found.llc_se),
        "relative_llc": _finite(found.llc / estimate.max_llc),
        "multiplicity": found.multiplicity,
        "multiplicity_resolution": _finite(found.multiplicity_resolution),
        "settled_by": "; ".join(found.settled_by),
        "rhat": _finite(found.rhat),
        "verdict": found.verdict,
        "elapsed_s": found.elapsed_s,
    }


def _ladder_rows(
    model: CompiledModel, scales: np.ndarray, estimate: LlcEstimate, place: dict[str, Any]
) -> list[dict[str, Any]]:
    """λ_eff of the quadratic approximation at w*; null unless w* is a smooth zero of K."""
    values: list[float | None] = [None] * len(N_BETAS)
    if estimate.rank_verdict in ("ok", "soft"):
        if estimate.center == "bernoulli":
            model = model.in_bernoulli_form()
        jacobian = weighted_jacobian(model, estimate.center_weights)
        found = quadratic_llc(jacobian, scales, model.n_points)
        values = [_finite(float(value)) for value in found]
    return [
        {**place, "n_beta": n_beta, "lambda_eff": value, "estimator": "quadratic"}
        for n_beta, value in zip(N_BETAS, values, strict=True)
    ]


def _targets(
    campaign: Campaign, model: CompiledModel, functions: list[str], weights: np.ndarray
) -> np.ndarray:
    """Targets of the center ``target``, shape (requests, points).

    ±1 for bits 1 and 0; for the quantised readout the function itself, outputs rounded to the
    step.
    """
    n_points = campaign.n_points
    if campaign.readout.kind == "sign" and campaign.exact_keys:
        bits = bits_from_words(words_from_keys(functions, n_points, True), n_points)
        return 2.0 * bits.astype(np.float64) - 1.0
    outputs = np.array([model.outputs(row) for row in weights]).reshape(len(functions), n_points)
    if campaign.readout.kind == "sign":
        return np.where(outputs > 0.0, 1.0, -1.0)
    step = campaign.readout.step
    return np.floor(outputs / step + 0.5) * step


def _finite(value: float) -> float | None:
    """The value, or None (null in the table) for NaN."""
    return None if math.isnan(value) else float(value)
