"""Rows of ``functions`` from which functions are selected: few, and the choice is the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.llc.select import select_functions, shuffle_key
from pfmap.settings.campaign import Campaign
from pfmap.store.tables import column_names, stream_file
from pfmap.volume.select import select_by_probability

_COLUMNS = ("function", "count", "log2_p", "first_draw", "ones", "lz")
_MOST_FREQUENT = 2
_MANY = 1 << 19


def selected_for_llc(path: Path, campaign: Campaign) -> pd.DataFrame:
    """What `select_functions` chooses of ``functions.parquet``, without reading it whole.

    The column ``row`` is the row of the file.
    """
    settings = campaign.llc
    by = ("count", "lz") if settings.selection == "stratified" else ("count", "lz", "ones")
    # Rows already chosen are passed over, so that a cell may be asked for twice as many.
    keep = 2 * (settings.functions + len(settings.named)) + _MOST_FREQUENT
    frame = thinned(path, by, keep, settings.named)
    selected = select_functions(frame, settings)
    return selected.merge(frame[["function", "row"]], on="function", how="left")


def selected_for_volume(path: Path, campaign: Campaign) -> list[str]:
    """What `select_by_probability` chooses of ``functions.parquet``, without reading it whole."""
    wanted = campaign.volume.functions
    frame = thinned(path, ("count",), wanted)
    return select_by_probability(frame, wanted, campaign.analysis.min_count)


def thinned(
    path: Path,
    by: Sequence[str],
    keep: int,
    named: Iterable[str] = (),
    also: Sequence[str] = (),
) -> pd.DataFrame:
    """Rows of ``functions.parquet``, at most some of those that selections cannot tell apart.

    Selections look at counts, complexities, and among equals at a shuffled order of the first
    draws. So of the rows that agree in the columns `by`, only the first in that order matter; they
    are as many as there are different counts and complexities, however many draws there are.

    Parameters
    ----------
    path : Path
        ``functions.parquet``, or a file that holds its columns.
    by : sequence of str
        Columns; those that the file lacks are passed over.
    keep : int
        Rows to keep of those that agree in them.
    named : iterable of str
        Keys of functions to keep besides. The two most frequent functions are kept as well.
    also : sequence of str
        Further columns to return.

    Returns
    -------
    DataFrame
        The columns selections read that the file has, and ``row``, the row of the file; in the
        file's order.
    """
    there = column_names(path, "functions")
    columns = [name for name in (*_COLUMNS, *also) if name in there]
    by = [name for name in by if name in there]
    named = set(named)
    kept: list[pd.DataFrame] = []
    n_rows = 0
    for rows in stream_file(path, "functions", columns):
        frame = rows.to_pandas()
        frame["row"] = np.arange(n_rows, n_rows + len(frame))
        n_rows += len(frame)
        kept.append(_thin(frame, by, keep, named))
        if sum(map(len, kept)) > _MANY:
            kept = [_thin(pd.concat(kept), by, keep, named)]
    found = _thin(pd.concat(kept), by, keep, named)
    return found.sort_values("row", ignore_index=True)


def _thin(frame: pd.DataFrame, by: list[str], keep: int, named: set[str]) -> pd.DataFrame:
    """The rows of `frame` that `thinned` keeps."""
    first_draw = frame["first_draw"].to_numpy(dtype=np.uint64)
    frame = frame.iloc[np.argsort(shuffle_key(first_draw), kind="stable")]
    place = frame.groupby(by, dropna=False, sort=False).cumcount().to_numpy()
    chosen = place < keep
    top = np.lexsort((frame["first_draw"].to_numpy(), -frame["count"].to_numpy()))
    chosen[top[:_MOST_FREQUENT]] = True
    if named:
        chosen |= frame["function"].isin(named).to_numpy()
    return frame[chosen]
