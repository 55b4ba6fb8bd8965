"""The analysis of one campaign: fits, correlations and their verdicts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pfmap.analysis.bound import bound_rows
from pfmap.analysis.dropping import Dropping
from pfmap.analysis.extended import extended_correlations, extended_fits
from pfmap.analysis.fit import FitRow, missing_rows
from pfmap.analysis.learning import llc_correlations, variance_rows
from pfmap.analysis.line import envelope_rows, least_squares_rows
from pfmap.analysis.population import Population, population_of
from pfmap.analysis.predictors import predictor_rows
from pfmap.analysis.quantities import (
    LZ_MEAN,
    LZ_MIN,
    ORBIT_SIZE,
    complexity_columns,
    controls_of,
    counted_functions,
    counted_orbits,
    definitions,
    functions_named,
    ladder_estimates,
    order_bound_columns,
    selected_functions,
    with_controls,
)
from pfmap.analysis.resampling import resample_weights, seeded
from pfmap.analysis.tables import function_correlations, orbit_correlations
from pfmap.analysis.variance import VarianceSplit, split_variance
from pfmap.display import Displayed
from pfmap.settings.campaign import Campaign
from pfmap.store.schema import CORRELATIONS, FITS, LLC, PREDICTORS


@dataclass(frozen=True, repr=False)
class AnalysisResult(Displayed):
    """What the analysis of a campaign found.

    Attributes
    ----------
    fits : DataFrame
        Columns of ``fits.parquet``.
    correlations : DataFrame
        Columns of ``correlations.parquet``.
    predictors : DataFrame
        Columns of ``predictors.parquet``.
    n_functions : int
        Distinct functions in the table.
    n_counted_functions, n_counted_orbits : int
        Functions and orbits counted often enough to enter fits and correlations.
    splits : dict of str to VarianceSplit
        Variance split of every definition ``estimator/center`` of the learning coefficient.
    dropped : dict of str to Dropping
        For every definition, rows left out by their verdict.
    """

    SHOWN: ClassVar = ("n_functions", "n_counted_functions", "n_counted_orbits")

    fits: pd.DataFrame
    correlations: pd.DataFrame
    predictors: pd.DataFrame
    n_functions: int
    n_counted_functions: int
    n_counted_orbits: int
    splits: dict[str, VarianceSplit]
    dropped: dict[str, Dropping]


# Threads that share a matrix product change its last digit.
@threadpool_limits.wrap(limits=1, user_api="blas")
def analyze(
    functions: pd.DataFrame | Population,
    llc: pd.DataFrame | None,
    campaign: Campaign,
    ladder: pd.DataFrame | None = None,
    evidence: pd.DataFrame | None = None,
    *,
    unordered: Collection[str] | None = None,
) -> AnalysisResult:
    """Fit and correlate the tables of one campaign.

    Pure and deterministic: the same tables and campaign give the same result, on any number of
    threads.

    Parameters
    ----------
    functions : DataFrame or Population
        ``functions.parquet``: the columns of `pfmap.store.schema.FUNCTIONS` and one column a
        complexity, sorted by count; or what `pfmap.analysis.population.read_population` makes of
        it where it is larger than memory. The result is the same.
    llc : DataFrame or None
        ``llc.parquet``; None (or an empty table) if the campaign has none.
    campaign : Campaign
        Settings: ``analysis`` (bootstrap, min_count, envelope_quantile, noise_simulations), seed,
        domain and readout.
    ladder : DataFrame, optional
        ``ladder.parquet``: λ_eff at finite n, every nβ a definition ``estimator/center@nβ``.
    evidence : DataFrame, optional
        ``evidence.parquet``: probabilities by splitting; their log2 is called ``log2_p_volume``.
    unordered : collection of str, optional
        Complexities that read an order of the points which the campaign does not have: they enter
        nothing. None: those of pfmap, where the domain declares no order.

    Returns
    -------
    AnalysisResult
        What cannot be computed (too few rows, a constant column, no table) is a row with its
        reason, never an exception.

    Examples
    --------
    >>> functions = pd.DataFrame(
    ...     {"function": ["0", "f", "3"], "count": [40, 40, 20], "p": [0.4, 0.4, 0.2],
    ...      "log2_p": np.log2([0.4, 0.4, 0.2]), "ones": [0, 4, 2], "orbit": [None] * 3,
    ...      "lz": [2.0, 2.0, 4.0]}
    ... )
    >>> campaign = Campaign(draws=100, network={"widths": (2, 4, 1)})
    >>> result = analyze(functions, None, campaign)
    >>> bound = result.fits.query("fit == 'dingle_bound' and response == 'log2_p'")
    >>> bound[["coefficient", "estimate"]].head(2).values.tolist()
    [['a', 1.0], ['b', 0.0]]
    >>> result.correlations["reason"].iloc[0]
    '3 rows, 8 needed'
    """
    settings = campaign.analysis
    population = population_of(functions)
    left_out = set(order_bound_columns(campaign) if unordered is None else unordered)
    everything = population.functions.drop(columns=left_out, errors="ignore")
    functions, controls = with_controls(everything, campaign.n_points)
    if evidence is not None:
        evidence = evidence.drop(columns=left_out, errors="ignore")
    complexities = complexity_columns(functions, population.valued)
    counted = counted_functions(functions, settings.min_count)
    orbits = counted_orbits(functions, settings.min_count, population.orbit_lz)

    # The bound scales with the extremes over all functions drawn.
    levels = population.lz_levels if population.part is None else (None, None)
    if "lz" in left_out and "lz" in population.functions:
        fits = _unordered_fits()
    else:
        fits = _probability_fits(functions, levels, counted, orbits, campaign)
    correlations = function_correlations(counted, complexities, controls, campaign)
    quantities = ["log2_p", *complexities]
    has_orbits = _has_orbits(functions)
    if has_orbits:
        correlations += orbit_correlations(orbits, complexities, controls, campaign)
        quantities.insert(1, "log2_p_orbit")
    if evidence is not None and not evidence.empty:
        fits += extended_fits(evidence, functions, levels[0], campaign)
        evidence, held = with_controls(evidence, campaign.n_points)
        correlations += extended_correlations(evidence, complexities, held, campaign)

    if llc is None:
        llc = pd.DataFrame(columns=[column.name for column in LLC])
    if ladder is not None and not ladder.empty:
        llc = pd.concat([llc, ladder_estimates(ladder, llc)], ignore_index=True)
    known = functions_named(functions, llc["function"])
    estimates, dropped = definitions(llc, known)
    splits = {}
    for label, item in estimates.items():
        weights = resample_weights(
            max(1, item.n_repeated), settings.bootstrap, seeded(campaign.seed, "split", label)
        )
        splits[label] = split_variance(item, weights)
        fits += variance_rows(label, splits[label], dropped[label])
    if estimates:
        selected = selected_functions(known, estimates, settings.min_count)
        correlations += llc_correlations(
            selected, quantities, estimates, splits, dropped, controls, campaign
        )
    return AnalysisResult(
        fits=pd.DataFrame([asdict(row) for row in fits], columns=[c.name for c in FITS]),
        correlations=pd.DataFrame(correlations, columns=[c.name for c in CORRELATIONS]),
        predictors=pd.DataFrame(
            _predictors(counted, orbits if has_orbits else None, complexities, controls, campaign),
            columns=[c.name for c in PREDICTORS],
        ),
        n_functions=population.n_functions,
        n_counted_functions=len(counted),
        n_counted_orbits=len(orbits),
        splits=splits,
        dropped=dropped,
    )


def _probability_fits(
    functions: pd.DataFrame,
    lz_levels: tuple[np.ndarray | None, np.ndarray | None],
    counted: pd.DataFrame,
    orbits: pd.DataFrame,
    campaign: Campaign,
) -> list[FitRow]:
    """Bounds, envelopes and lines of log2 P, counted and orbit-based, against lz.

    Lines also against the mean and the minimum of lz over the orbit, where the table has them.
    """
    if "lz" not in functions.columns:
        return []
    settings = campaign.analysis
    log2_possible = float(campaign.n_points) if campaign.readout.kind == "sign" else None
    seen, multiples = lz_levels
    tables = [("log2_p", "count", counted)]
    if _has_orbits(functions):
        tables.append(("log2_p_orbit", "orbit_count", orbits))
    rows: list[FitRow] = []
    for response, counts, table in tables:
        x, y, draws = _columns(table, "lz", response, counts)
        rows += bound_rows(
            y,
            x,
            draws,
            seen,
            multiples=multiples,
            response=response,
            predictor="lz",
            log2_possible=log2_possible,
        )
        rows += envelope_rows(
            x,
            y,
            response=response,
            predictor="lz",
            quantile=settings.envelope_quantile,
            n_resamples=settings.bootstrap,
            rng=seeded(campaign.seed, "envelope", response),
        )
        predictors = ["lz"] + [name for name in (LZ_MEAN, LZ_MIN) if name in table.columns]
        for predictor in predictors:
            x, y = _columns(table, predictor, response)
            rows += least_squares_rows(
                x,
                y,
                response=response,
                predictor=predictor,
                n_resamples=settings.bootstrap,
                rng=seeded(campaign.seed, "least_squares", response, predictor),
            )
    return rows


def _unordered_fits() -> list[FitRow]:
    """The fits of log2 P against lz that are not made where nothing orders the points."""
    problem = (
        "nothing orders the points that lz reads one after another (domain.order declares an order)"
    )
    return [
        row
        for fit in ("dingle_bound", "quantile_envelope", "least_squares")
        for row in missing_rows(fit, "log2_p", "lz", ("slope",), 0, problem)
    ]


def _has_orbits(functions: pd.DataFrame) -> bool:
    """Whether orbits were counted: there are symmetries, and all functions were kept."""
    return "orbit_count" in functions.columns and bool(functions["orbit_count"].notna().any())


def _predictors(
    counted: pd.DataFrame,
    orbits: pd.DataFrame | None,
    complexities: list[str],
    controls: tuple[str, ...],
    campaign: Campaign,
) -> list[dict[str, object]]:
    """Measures ranked as predictors of log2 P, of orbits where the campaign has them."""
    if orbits is None:
        table, response, counts = counted, "log2_p", counted["count"]
    else:
        table, response, counts = orbits, "log2_p_orbit", orbits["orbit_count"]
        complexities = complexities + [LZ_MEAN] * (LZ_MEAN in orbits.columns) + [ORBIT_SIZE]
    return predictor_rows(
        table,
        response,
        complexities,
        controls_of(response, controls),
        counts=pd.to_numeric(counts).to_numpy(dtype=float),
        seed=campaign.seed,
    )


def _columns(table: pd.DataFrame, *names: str) -> list[np.ndarray]:
    """Columns without the rows where any is missing."""
    columns = [pd.to_numeric(table[name]).to_numpy(dtype=float) for name in names]
    known = np.isfinite(columns).all(axis=0)
    return [column[known] for column in columns]
