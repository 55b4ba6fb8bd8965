"""What the tables say against the shards they were made from, and against one another."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.tables import file_notes, read_file, row_count, stream_file

SAMPLE = 256
"""Functions whose counts are added up again one by one: the most frequent and some others."""

_FIRST = 64
_LATER = (
    "llc", "ladder", "volume", "evidence", "classes", "free_energy",
    "fits", "correlations", "predictors", "relations", "crossings",
)  # fmt: skip
_UNDRAWN = ("free_energy", "crossings")
"""Tables of ``classes``, a member of each: none need have been drawn."""
_COUNTS = ["function", "count", "first_draw"]


class Recount:
    """Counts of some functions, added up from shards as they are read: no query, no merging.

    Parameters
    ----------
    files : CampaignFolder
        A folder with ``functions.parquet``.

    Raises
    ------
    DataError
        If the table cannot be read.
    """

    def __init__(self, files: CampaignFolder) -> None:
        path = files.table("functions")
        n_rows = row_count(path, "functions")
        rows = np.arange(n_rows)
        if n_rows > SAMPLE:
            rest = np.linspace(_FIRST, n_rows - 1, SAMPLE - _FIRST).astype(np.int64)
            rows = np.union1d(np.arange(_FIRST), rest)
        found, start = [], 0
        for piece in stream_file(path, "functions", _COUNTS):
            inside = rows[(rows >= start) & (rows < start + len(piece))] - start
            found.append(piece.take(pa.array(inside)))
            start += len(piece)
        self.said = pa.concat_tables(found)
        self._keys = self.said["function"].combine_chunks()
        self._met = [self.said.slice(0, 0)]

    def take(self, shard: pa.Table) -> None:
        """Add the counts of a shard."""
        self._met.append(shard.filter(pc.is_in(shard["function"], value_set=self._keys)))

    def problem(self) -> str:
        """The first function that the shards count otherwise, in words; empty if none."""
        met = pa.concat_tables([rows.select(_COUNTS) for rows in self._met]).to_pandas()
        seen = met.groupby("function").agg({"count": "sum", "first_draw": "min"})
        said = self.said.to_pandas().set_index("function")
        seen = seen.reindex(said.index, fill_value=0)
        wrong = np.flatnonzero((seen != said[seen.columns]).any(axis=1))
        if not len(wrong):
            return ""
        one, other = said.iloc[wrong[0]], seen.iloc[wrong[0]]
        return (
            f"functions.parquet: {said.index[wrong[0]]} was drawn {one['count']} times, first at "
            f"{one['first_draw']}; in the shards {other['count']} times, first at "
            f"{other['first_draw']}"
        )


def table_problems(
    campaign: Campaign, files: CampaignFolder, sound: Collection[str]
) -> Iterator[str]:
    """What tables say that cannot be, seen beside ``functions.parquet``, one line each.

    Parameters
    ----------
    campaign : Campaign
        Its settings.
    files : CampaignFolder
        The folder, with a sound ``functions.parquet``.
    sound : collection of str
        Names of tables that are the files that were written, and can be read.
    """
    functions = files.table("functions")
    notes = file_notes(functions, "functions")
    draws = notes.get("pfmap_draws")
    tables = {name: read_file(files.table(name), name) for name in _LATER if name in sound}
    for name, table in tables.items():
        own = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if own.get("pfmap_campaign", campaign.digest()) != campaign.digest():
            yield f"{name}.parquet: is of a campaign with other draws"
        elif draws is not None and own.get("pfmap_draws", draws) != draws:
            yield (
                f"{name}.parquet: is of {own['pfmap_draws']} draws, functions.parquet of {draws}; "
                f"{files.resume_command} brings it up to date"
            )
    keys: dict[str, set[str]] = {
        name: set(table["function"].to_pylist()) for name, table in tables.items()
        if "function" in table.column_names
    }  # fmt: skip
    if "evidence" in tables:
        # Functions asked for by name need not have been drawn.
        named = tables["evidence"].filter(pc.not_equal(tables["evidence"]["name"], ""))
        by_name = set(named["function"].to_pylist())
        if "volume" in keys:
            yield from _not_in("volume", keys["volume"], keys["evidence"], "evidence")
            keys["volume"] = keys["volume"] & keys["evidence"] - by_name
        keys["evidence"] -= by_name
    members = keys.pop("classes", set())
    for name in _UNDRAWN:
        measured = keys.pop(name, set())
        if "classes" in tables:
            yield from _not_in(name, measured, members, "classes")
    wanted = pa.array(sorted(set().union(*keys.values())), pa.string())
    there: set[str] = set()
    for rows in stream_file(functions, "functions", ["function"]):
        there |= set(
            rows.filter(pc.is_in(rows["function"], value_set=wanted))["function"].to_pylist()
        )
    for name, found in keys.items():
        yield from _not_in(name, found, there, "functions")
    if "function_llc" in sound:
        bounded = row_count(files.table("function_llc"), "function_llc")
        drawn = row_count(functions, "functions")
        if bounded not in (0, drawn):
            yield f"function_llc.parquet: {bounded} rows, functions.parquet has {drawn}"
    if "llc" in tables and draws is not None and len(tables["llc"]):
        last = pc.max(tables["llc"]["draw"]).as_py()
        if last >= int(draws):
            yield f"llc.parquet: draw {last} is none of the {draws} draws of functions.parquet"
    if campaign.counting.keep == "all":
        most = max([row_count(functions, "functions"), *map(len, tables.values())])
        for name in ("fits", "correlations", "predictors"):
            used = pc.max(tables[name]["n"]).as_py() if name in tables else None
            if used is not None and used > most:
                yield f"{name}.parquet: {used} rows entered, functions.parquet has {most}"


def _not_in(name: str, keys: set[str], there: set[str], where: str) -> Iterator[str]:
    """A line about the keys of one table that another lacks."""
    lacking = sorted(keys - there)
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        yield f"{name}.parquet: holds {lacking[0]}{more}, not in {where}.parquet"
