"""Which rows and columns of the tables enter fits and correlations."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from pfmap.analysis.dropping import QUANTITIES, Dropping, examine_dropping
from pfmap.analysis.resampling import seeded, subset_rows
from pfmap.analysis.variance import Estimates, collect
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import has_order
from pfmap.store.schema import COUNT_ERROR, FUNCTIONS, LZ_ORBIT_MIN

CONTROLS = ("ones", "entropy")
ORBIT_SIZE = "log2_orbit_size"
"""A further control of orbit-based P.

An orbit enters with P >= min_count/(N · size): the floor falls by a bit wherever the size doubles,
so that orbit-based P of the rows counted falls with the size by selection alone.
"""

LADDER_MARK = "@"
"""Stands in a definition's name before its nβ: ``quadratic/self@100``."""

READS_ORDER = ("lz", "lz_mingard2025")
"""Measures of pfmap that read the points in their order; a test holds them to the registry."""

LZ_MEAN = "lz_orbit_mean_seen"
LZ_MIN = LZ_ORBIT_MIN.name
ORDER_FREE = "neighbour_disagreement"
"""The measure that stands in for lz where nothing orders the points."""

MAX_ROWS = 100_000
N_STRATA = 4
_CONTRACT = {column.name for column in (*FUNCTIONS, COUNT_ERROR)}


def order_bound_columns(campaign: Campaign) -> tuple[str, ...]:
    """Columns of pfmap's own that read an order of the points which the campaign does not have.

    Examples
    --------
    >>> from pfmap.settings.domain import DigitsDomain
    >>> digits = Campaign(domain=DigitsDomain(kind="digits"), network={"widths": (64, 4, 1)})
    >>> order_bound_columns(digits), order_bound_columns(Campaign())
    (('lz', 'lz_mingard2025'), ())
    """
    return () if has_order(campaign.domain) else READS_ORDER


def complexity_columns(functions: pd.DataFrame, valued: Collection[str] = ()) -> list[str]:
    """Columns with a complexity: ``ones`` and every proxy that has a value somewhere.

    `valued` names columns that have one in rows that are not in `functions`.

    Examples
    --------
    >>> complexity_columns(pd.DataFrame({"count": [3], "ones": [1], "lz": [7.0], "bdd": [None]}))
    ['ones', 'lz']
    """
    names = ["ones"] + [name for name in functions.columns if name not in _CONTRACT]
    there = [name for name in names if name in functions.columns]
    return [name for name in there if name in valued or functions[name].notna().any()]


def with_controls(functions: pd.DataFrame, n_points: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with the controls that a partial correlation holds fixed, and their names.

    ``entropy`` = -x log2 x - (1-x) log2(1-x) of the share x = T/m of ones is added where the
    campaign did not compute it. Without ``ones`` (quantised functions) there are no controls.
    """
    if "ones" not in functions.columns or functions["ones"].isna().any() or functions.empty:
        return functions, ()
    if "entropy" not in functions.columns or functions["entropy"].isna().any():
        share = functions["ones"].to_numpy(dtype=float) / n_points
        inside = np.clip(share, 1e-300, 1.0), np.clip(1.0 - share, 1e-300, 1.0)
        entropy = -sum(part * np.log2(part) for part in inside)
        functions = functions.assign(entropy=np.abs(entropy))
    return functions, CONTROLS


def controls_of(quantity: str, controls: tuple[str, ...]) -> tuple[str, ...]:
    """What is held fixed beside `quantity`: with orbit-based P also the size of the orbit.

    Examples
    --------
    >>> controls_of("log2_p_orbit", ("ones", "entropy"))
    ('ones', 'entropy', 'log2_orbit_size')
    >>> controls_of("lz", ("ones", "entropy")), controls_of("log2_p_orbit", ())
    (('ones', 'entropy'), ())
    """
    return (*controls, ORBIT_SIZE) if quantity == "log2_p_orbit" and controls else controls


def pairs_by_controls(
    pairs: Iterable[tuple[str, str]], controls: tuple[str, ...]
) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Pairs (λ, quantity) under what is held fixed beside their quantity.

    Examples
    --------
    >>> pairs_by_controls([("rank/self", "lz"), ("rank/self", "log2_p_orbit")], ("ones",))
    {('ones',): [('rank/self', 'lz')], ('ones', 'log2_orbit_size'): [('rank/self', 'log2_p_orbit')]}
    """
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for pair in pairs:
        found.setdefault(controls_of(pair[1], controls), []).append(pair)
    return found


def counted_functions(functions: pd.DataFrame, min_count: int) -> pd.DataFrame:
    """Functions counted at least `min_count` times."""
    return functions[functions["count"].to_numpy() >= min_count]


def counted_orbits(
    functions: pd.DataFrame, min_count: int, lz_mean: pd.Series | None = None
) -> pd.DataFrame:
    """Orbits counted at least `min_count` times, one row each, with `ORBIT_SIZE`.

    `lz_mean` is the mean of lz over the members seen, by orbit, where `functions` lacks some.

    The row is that of the member drawn first: P is the same for all members, so it is a random one.
    (The most counted would be too, but for ties, which the smallest key would win, and small keys
    are simple.) ``lz_orbit_mean_seen`` is taken over the members seen, a random subset too, so it
    is unbiased. Their minimum would not be, as it falls with orbit_count by itself:
    ``lz_orbit_min`` of ``functions.parquet`` is the minimum over all members.
    """
    if "orbit" not in functions.columns or functions["orbit"].isna().all():
        return functions.iloc[:0]
    counts = pd.to_numeric(functions["orbit_count"]).to_numpy(dtype=float)
    rows = functions[(counts >= min_count) & functions["log2_p_orbit"].notna().to_numpy()]
    rows = rows.sort_values("first_draw")
    top = rows.drop_duplicates("orbit").set_index("orbit", drop=False)
    if "lz" in rows.columns:
        if lz_mean is None:
            lz_mean = rows.groupby("orbit", sort=False)["lz"].mean()
        top = top.assign(**{LZ_MEAN: lz_mean})
    return _with_orbit_size(top.reset_index(drop=True))


def _with_orbit_size(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with log2 of the number of functions in each row's orbit."""
    sizes = pd.to_numeric(frame["orbit_size"]).to_numpy(dtype=float)
    return frame.assign(**{ORBIT_SIZE: np.log2(sizes)})


def numeric(frame: pd.DataFrame, columns: list[str], seed: int) -> pd.DataFrame:
    """Float columns of at most `MAX_ROWS` rows, a random subset where there are more."""
    rows = subset_rows(len(frame), MAX_ROWS, seeded(seed, "rows"))
    return pd.DataFrame(
        {name: pd.to_numeric(frame[name]).to_numpy(dtype=float)[rows] for name in columns}
    )


def definitions(
    llc: pd.DataFrame, functions: pd.DataFrame
) -> tuple[dict[str, Estimates], dict[str, Dropping]]:
    """Estimates of every definition ``estimator/center``, and what was dropped by its verdict.

    Only rows with verdict ``ok`` and a finite ``llc`` of one of `functions` are kept. A ladder that
    was exact at every row repeats ``rank`` and is no definition of its own.

    Examples
    --------
    >>> llc = pd.DataFrame(
    ...     {"function": ["a", "a"], "draw": [1, 2], "center": "self", "estimator": "mala",
    ...      "llc": [1.0, 3.0], "llc_se": [0.1, 0.1], "verdict": ["ok", "not converged"]}
    ... )
    >>> estimates, dropped = definitions(llc, pd.DataFrame({"function": ["a"], "lz": [7.0]}))
    >>> estimates["mala/self"].means.tolist(), dropped["mala/self"].counts
    ([1.0], {'not converged': 1})
    """
    labels = llc["estimator"].astype(str) + "/" + llc["center"].astype(str)
    values = pd.to_numeric(llc["llc"]).to_numpy(dtype=float)
    verdicts = llc["verdict"].astype(str).to_numpy(dtype=object)
    verdicts[(verdicts == "ok") & ~np.isfinite(values)] = "nan"
    verdicts[(verdicts == "ok") & ~llc["function"].isin(functions["function"]).to_numpy()] = (
        "unknown function"
    )
    shown = [name for name in QUANTITIES if name in functions.columns]
    table = llc.merge(functions[["function", *shown]], on="function", how="left")
    estimates, dropped = {}, {}
    for label in sorted(set(labels.unique()) - exact_ladders(llc)):
        mine = (labels == label).to_numpy()
        estimates[label] = collect(llc[mine & (verdicts == "ok")])
        lost = pd.Series(verdicts[mine & (verdicts != "ok")]).value_counts()
        counts = {str(verdict): int(lost[verdict]) for verdict in sorted(lost.index)}
        dropped[label] = examine_dropping(table[mine], verdicts[mine] != "ok", counts)
    return estimates, dropped


def exact_ladders(llc: pd.DataFrame) -> set[str]:
    """Definitions ``ladder/center`` without a sampled value: they repeat ``rank/center``.

    Examples
    --------
    >>> llc = pd.DataFrame({"estimator": ["rank", "ladder", "ladder"],
    ...                     "center": ["self", "self", "target"], "verdict": "ok",
    ...                     "llc_se": [np.nan, 0.0, 0.1]})
    >>> exact_ladders(llc)
    {'ladder/self'}
    """
    ladders = llc[llc["estimator"] == "ladder"]
    sampled = (ladders["verdict"] == "ok") & (pd.to_numeric(ladders["llc_se"]) > 0.0)
    labels = "ladder/" + ladders["center"].astype(str)
    return set(labels) - set(labels[sampled])


def ladder_estimates(ladder: pd.DataFrame, llc: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``ladder.parquet`` as rows of ``llc.parquet``, each nβ a definition of its own.

    Examples
    --------
    >>> ladder = pd.DataFrame({"function": ["a"], "draw": [1], "center": "self", "n_beta": [100.0],
    ...                        "lambda_eff": [1.5], "estimator": "quadratic"})
    >>> llc = pd.DataFrame({"function": ["a"], "draw": [1], "center": "self", "estimator": "rank",
    ...                     "rank": [4]})
    >>> ladder_estimates(ladder, llc)[["estimator", "center", "llc", "rank"]].values.tolist()
    [['quadratic', 'self@100', 1.5, 4]]
    """
    place = ["function", "draw", "center"]
    ranks = llc.loc[llc["estimator"] == "rank", [*place, "rank"]]
    rows = ladder.merge(ranks, on=place, how="left")
    values = pd.to_numeric(rows["lambda_eff"]).astype(float)
    at = rows["n_beta"].map("{:g}".format)
    return rows.assign(
        center=rows["center"].astype(str) + LADDER_MARK + at,
        llc=values,
        llc_se=np.nan,
        verdict=np.where(np.isfinite(values), "ok", "not a minimum or on a kink"),
    ).drop(columns=["n_beta", "lambda_eff"])


def functions_named(functions: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Rows of the functions in `keys`; pyarrow searches a million keys in a fraction of a second.

    Examples
    --------
    >>> functions = pd.DataFrame({"function": ["a", "b"], "count": [2, 1]})
    >>> functions_named(functions, pd.Series(["b", "z"]))["function"].tolist()
    ['b']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(keys.unique().tolist(), type=pa.string())
    column = pa.array(functions["function"]).cast(pa.string())
    return functions[pc.is_in(column, wanted).to_numpy(zero_copy_only=False)]


def selected_functions(
    functions: pd.DataFrame, estimates: dict[str, Estimates], min_count: int
) -> pd.DataFrame:
    """Functions with a learning coefficient, one row each, ascending by key.

    One column a definition holds the mean over the function's draws. ``log2_p`` and
    ``log2_p_orbit`` are NaN where the count, or the orbit's, is below `min_count`; the latter comes
    with `ORBIT_SIZE`.
    """
    keys = np.unique(np.concatenate([item.functions for item in estimates.values()]))
    frame = functions.set_index("function").reindex(keys)
    few = ~(pd.to_numeric(frame["count"]).to_numpy(dtype=float) >= min_count)
    frame["log2_p"] = np.where(few, np.nan, pd.to_numeric(frame["log2_p"]).to_numpy(dtype=float))
    if "log2_p_orbit" in frame.columns:
        few = ~(pd.to_numeric(frame["orbit_count"]).to_numpy(dtype=float) >= min_count)
        values = pd.to_numeric(frame["log2_p_orbit"]).to_numpy(dtype=float)
        frame["log2_p_orbit"] = np.where(few, np.nan, values)
        frame = _with_orbit_size(frame)
    for label, item in estimates.items():
        frame[label] = pd.Series(item.means, index=item.functions).reindex(keys)
    return frame.reset_index()


def strata(ones: np.ndarray, n_points: int) -> list[tuple[str, np.ndarray]]:
    """Strata of T with about equally many rows: label and row mask.

    A function and its complement have much the same complexity, so the strata are those of
    min(T, m - T).

    Examples
    --------
    >>> [label for label, _ in strata(np.array([0, 1, 2, 3, 4, 5, 6, 7]), 8)]
    ['min(T, 8-T) in 0..1', 'min(T, 8-T) = 2', 'min(T, 8-T) = 3', 'min(T, 8-T) = 4']
    """
    if len(ones) == 0 or not np.isfinite(ones).all():
        return []
    folded = np.minimum(ones, n_points - ones).astype(int)
    shares = np.arange(1, N_STRATA) / N_STRATA
    stratum = np.searchsorted(np.unique(np.quantile(folded, shares, method="lower")), folded)
    result = []
    for index in np.unique(stratum):
        mask = stratum == index
        first, last = folded[mask].min(), folded[mask].max()
        span = f"= {first}" if first == last else f"in {first}..{last}"
        result.append((f"min(T, {n_points}-T) {span}", mask))
    return result
