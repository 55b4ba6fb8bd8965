"""The table of functions in memory that does not grow with it: rows that matter, and tallies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.functions.richness import Frequencies
from pfmap.settings.campaign import Campaign
from pfmap.store.merge import stream_query
from pfmap.store.tables import column_names, counting_notes, read_file, stream_file

_HEAD = 1000
_MANY = 1 << 16
_ERRORS_A_COUNT = 10


@dataclass(frozen=True)
class Part:
    """How functions were counted where not all were kept.

    Attributes
    ----------
    keep : str
        ``frequent`` or ``sampled``.
    subset : Frequencies
        How many functions of a hashed subset have each count.
    count_error : int
        No count of the table is too small by more draws.
    """

    keep: str
    subset: Frequencies
    count_error: int


@dataclass(frozen=True)
class Population:
    """What analysis and figures need of all functions drawn.

    Attributes
    ----------
    functions : DataFrame
        Rows of ``functions.parquet`` that enter by themselves, in its order: the most frequent,
        those counted often enough, the member drawn first of every orbit counted often enough, and
        functions asked for; or all rows.
    levels : DataFrame
        ``count, functions`` and, where the table has it, ``lz``: how many functions have each pair
        of count and complexity. All functions are in it.
    valued : tuple of str
        Columns with a value in any row.
    orbit_lz : Series or None
        Mean ``lz`` over the members drawn, by orbit; None: `functions` holds all rows.
    part : Part or None
        How functions were counted; None: all of them, exactly.
    """

    functions: pd.DataFrame
    levels: pd.DataFrame
    valued: tuple[str, ...]
    orbit_lz: pd.Series | None = None
    part: Part | None = None

    @property
    def n_functions(self) -> int:
        """Functions of the table."""
        return int(self.levels["functions"].sum())

    @property
    def frequencies(self) -> Frequencies:
        """How many functions have each count; of a subset, where not all were kept."""
        return self.table_frequencies if self.part is None else self.part.subset

    @property
    def table_frequencies(self) -> Frequencies:
        """How many functions of the table have each count."""
        totals = self.levels.groupby("count")["functions"].sum()
        return Frequencies(totals.index.to_numpy(dtype=np.int64), totals.to_numpy(dtype=np.int64))

    @property
    def lz_levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Values of ``lz``, ascending, and how many functions have each."""
        if "lz" not in self.levels:
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        totals = self.levels.dropna(subset="lz").groupby("lz")["functions"].sum()
        return totals.index.to_numpy(dtype=float), totals.to_numpy(dtype=np.int64)


def population_of(functions: pd.DataFrame | Population) -> Population:
    """The population of a table that is in memory; one already made is returned.

    Examples
    --------
    >>> table = pd.DataFrame({"count": [5, 1, 1], "lz": [2.0, 4.0, 4.0]})
    >>> population_of(table).levels.values.tolist()
    [[1.0, 4.0, 2.0], [5.0, 2.0, 1.0]]
    """
    if isinstance(functions, Population):
        return functions
    valued = tuple(name for name in functions.columns if functions[name].notna().any())
    return Population(functions, _levels(functions), valued)


def read_population(
    path: Path,
    *,
    min_count: int,
    named: Iterable[str] = (),
    scratch: Path | None = None,
    threads: int | None = None,
    memory: int | None = None,
) -> Population:
    """The population of ``functions.parquet``, read a piece at a time.

    Parameters
    ----------
    path : Path
        ``functions.parquet``.
    min_count : int
        Draws from which on a function or an orbit enters by itself.
    named : iterable of str
        Keys of functions that enter whatever their count.
    scratch, threads, memory
        As in `pfmap.store.merge.stream_counts`.

    Raises
    ------
    DataError
        If the table is missing or damaged.
    """
    named = set(named)
    orbits = _orbits(path, min_count, scratch, threads, memory)
    firsts = np.sort(orbits["first_draw"].to_numpy(dtype=np.int64))
    kept, levels = [], []
    valued: set[str] = set()
    before = 0
    for rows in stream_file(path, "functions"):
        valued |= {name for name in rows.column_names if rows[name].null_count < len(rows)}
        narrow = [name for name in ("function", "count", "first_draw", "lz") if name in valued]
        frame = rows.select(narrow).to_pandas()
        if frame.empty:
            frame = rows.to_pandas()
        chosen = np.arange(before, before + len(frame)) < _HEAD
        chosen |= frame["count"].to_numpy() >= min_count
        chosen |= np.isin(frame["first_draw"].to_numpy(), firsts)
        if named:
            chosen |= frame["function"].isin(named).to_numpy()
        kept.append(rows.filter(chosen).to_pandas())
        before += len(frame)
        levels.append(_levels(frame))
        if sum(map(len, levels)) > _MANY:
            levels = [_joined(levels)]
    functions = pd.concat([piece for piece in kept if len(piece)] or kept[:1], ignore_index=True)
    order = [name for name in functions.columns if name in valued]
    return Population(functions, _joined(levels), tuple(order), orbits["lz"], _part(path))


def counted_well(campaign: Campaign, path: Path) -> Campaign:
    """`campaign` with `analysis.min_count` no lower than counts are known to a tenth.

    Where the frequent functions are kept, counts may be too small; functions counted at least ten
    times that error enter the analysis, so that their log2 P is known to log2(1.1) = 0.14 bits.

    Parameters
    ----------
    campaign : Campaign
        Its settings.
    path : Path
        ``functions.parquet``.
    """
    error = int(counting_notes(path, "functions").get("pfmap_count_error", 0))
    least = max(campaign.analysis.min_count, _ERRORS_A_COUNT * error)
    analysis = campaign.analysis.model_copy(update={"min_count": least})
    return campaign.model_copy(update={"analysis": analysis})


def _part(path: Path) -> Part | None:
    """How the functions of ``functions.parquet`` were counted, from it and the table beside it."""
    notes = counting_notes(path, "functions")
    if not notes:
        return None
    table = read_file(path.with_name("frequencies.parquet"), "frequencies")
    subset = Frequencies(
        table["count"].to_numpy(),
        table["kept"].to_numpy(),
        inclusion=float(table["inclusion"][0].as_py()) if len(table) else 1.0,
        drawn=int((table.schema.metadata or {})[b"pfmap_draws"]),
    )
    return Part(notes["pfmap_keep"], subset, int(notes.get("pfmap_count_error", 0)))


def _levels(frame: pd.DataFrame) -> pd.DataFrame:
    """How many rows have each pair of count and lz."""
    by = [name for name in ("count", "lz") if name in frame.columns]
    return frame.groupby(by, dropna=False).size().rename("functions").reset_index()


def _joined(pieces: list[pd.DataFrame]) -> pd.DataFrame:
    """Levels of several pieces as one."""
    levels = pd.concat(pieces, ignore_index=True)
    by = [name for name in levels.columns if name != "functions"]
    return levels.groupby(by, dropna=False)["functions"].sum().reset_index()


def _orbits(
    path: Path, min_count: int, scratch: Path | None, threads: int | None, memory: int | None
) -> pd.DataFrame:
    """First draw and mean lz of the members drawn of every orbit counted often enough, by orbit."""
    columns = ["orbit", "first_draw", "orbit_count", "log2_p_orbit"]
    lz = "NULL::DOUBLE AS lz"
    if "lz" in column_names(path, "functions"):
        columns.append("lz")
        lz = "lz"
    query = f"""
        SELECT orbit, first_draw, {lz} FROM pieces
        WHERE orbit_count >= {min_count} AND log2_p_orbit IS NOT NULL ORDER BY orbit, first_draw
    """
    found = []
    rest: list[pd.DataFrame] = []
    pieces = partial(stream_file, path, "functions", columns)
    for rows in stream_query(query, pieces, scratch=scratch, threads=threads, memory=memory):
        members = pd.concat([*rest, rows.to_pandas()], ignore_index=True)
        # The last orbit of a piece may go on in the next.
        open_ = (members["orbit"] == members["orbit"].iloc[-1]).to_numpy()
        found.append(_orbit_means(members[~open_]))
        rest = [members[open_]]
    found += [_orbit_means(members) for members in rest]
    if not found:
        empty = pd.DataFrame({"first_draw": np.zeros(0, dtype=np.int64), "lz": np.zeros(0)})
        return empty.set_index(pd.Index([], name="orbit", dtype="str"))
    return pd.concat(found)


def _orbit_means(members: pd.DataFrame) -> pd.DataFrame:
    """Orbits whose members are all here, in the order of their first draws."""
    return members.groupby("orbit").agg(first_draw=("first_draw", "first"), lz=("lz", "mean"))
