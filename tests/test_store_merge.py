"""Merging and searching shards, against plain pandas."""

import signal
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pfmap.errors import DataError, EnvironmentFault
from pfmap.store import merge, query
from pfmap.store.merge import (
    find_shards,
    merge_counts,
    same_counts,
    same_rows,
    stream_counts,
    stream_orbit_counts,
)
from pfmap.store.tables import write_table


@pytest.fixture
def shards(tmp_path):
    """Seventy shards of skewed counts: more than one query looks at."""
    rng = np.random.default_rng(5)
    frames, paths = [], []
    for index in range(70):
        values, counts = np.unique(rng.zipf(1.5, 300) % 4096, return_counts=True)
        frame = pd.DataFrame(
            {
                "function": [f"{value:04x}" for value in values],
                "count": counts,
                "first_draw": rng.permutation(300)[: len(values)] + 300 * index,
            }
        )
        paths.append(tmp_path / f"part-{index:06d}.parquet")
        write_table(paths[-1], frame, "counts")
        frames.append(frame.assign(shard_index=index))
    return paths, pd.concat(frames, ignore_index=True)


def test_merge_sums_counts_and_keeps_the_first_draw(shards, tmp_path):
    paths, rows = shards
    expected = rows.groupby("function").agg({"count": "sum", "first_draw": "min"}).reset_index()
    expected = expected.sort_values(["count", "function"], ascending=[False, True])
    merged = merge_counts(paths, scratch=tmp_path, threads=2)
    pd.testing.assert_frame_equal(merged.to_pandas(), expected.reset_index(drop=True))
    assert sorted(tmp_path.iterdir()) == paths


def test_merge_does_not_depend_on_order_or_threads(shards, tmp_path):
    paths, _ = shards
    one = merge_counts(paths, scratch=tmp_path, threads=1)
    two = merge_counts(paths[::-1], scratch=None, threads=2)
    assert same_counts(one, two)
    assert not same_counts(one, merge_counts(paths[1:], scratch=None))


def test_streams_are_the_merged_table_whatever_the_budget(shards, tmp_path):
    paths, _ = shards
    whole = merge_counts(paths, scratch=None)
    for memory in (2**30, 2**34):
        assert same_rows(stream_counts(paths, scratch=tmp_path, memory=memory), [whole])
    unordered = pa.concat_tables(stream_counts(paths, scratch=tmp_path, ordered=False))
    order = [("count", "descending"), ("function", "ascending")]
    assert same_counts(unordered.sort_by(order), whole)
    assert sorted(tmp_path.iterdir()) == paths


def test_a_merge_larger_than_its_memory_waits_on_disk(tmp_path, monkeypatch):
    """Functions of 32 digits that need several times the 24 MiB that DuckDB gets here."""
    monkeypatch.setattr(query, "duckdb_memory", lambda _: 24 * 2**20)
    n = 200_000
    paths = [tmp_path / f"part-{index:06d}.parquet" for index in range(2)]
    for index, path in enumerate(paths):
        numbers = np.arange(index * n, (index + 1) * n)
        frame = pd.DataFrame({"function": [f"{i:032x}" for i in numbers], "count": 1})
        write_table(path, frame.assign(first_draw=numbers), "counts")
    seen, most = 0, 0
    for rows in stream_counts(paths, scratch=tmp_path, threads=1):
        seen += len(rows)
        waiting = [path.stat().st_size for path in tmp_path.glob(".merge-*/**/*") if path.is_file()]
        most = max(most, sum(waiting))
    assert seen == 2 * n
    assert most > 2**20
    assert sorted(tmp_path.iterdir()) == paths


def test_passes_over_parts_of_the_keys_give_the_same_rows(shards, tmp_path, monkeypatch):
    paths, _ = shards
    whole = merge_counts(paths, scratch=None)
    members = tmp_path / "members.parquet"
    orbits = whole.to_pandas()
    orbits["orbit"] = orbits["function"].str[:2]
    orbits["orbit_size"] = 256
    orbits.to_parquet(members)
    at_once = pa.concat_tables(stream_orbit_counts(members, len(orbits), scratch=None))
    monkeypatch.setattr(merge, "_BYTES_A_ROW", 2**22)
    asked = []
    session = query._session
    monkeypatch.setattr(query, "_session", lambda *given: asked.append(given) or session(*given))
    assert same_rows(stream_counts(paths, scratch=tmp_path, memory=2**30), [whole])
    n_passes = len(asked) - 1  # the last one sorts
    assert n_passes > 2
    unordered = stream_counts(paths, scratch=tmp_path, memory=2**30, ordered=False)
    order = [("count", "descending"), ("function", "ascending")]
    assert same_counts(pa.concat_tables(unordered).sort_by(order), whole)
    again = stream_orbit_counts(members, len(orbits), scratch=tmp_path, memory=2**30)
    assert pa.concat_tables(again).equals(at_once)
    members.unlink()
    assert sorted(tmp_path.iterdir()) == paths


def test_streams_are_compared_however_they_are_cut(shards):
    paths, _ = shards
    table = merge_counts(paths, scratch=None)
    pieces = [table.slice(0, 3), table.slice(3, 0), table.slice(3)]
    assert same_rows(pieces, [table.slice(0, 10), table.slice(10)])
    assert same_rows([], [table.slice(0, 0)])
    assert not same_rows(pieces, [table.slice(0, 10)])
    assert not same_rows(pieces[:1], [table])
    other = table.set_column(1, "count", pc.add(table["count"], 1))
    assert not same_rows(pieces, [other])


def test_orbit_counts_are_sums_over_the_rows_of_an_orbit(tmp_path):
    rows = pd.DataFrame(
        {"function": ["a", "b", "c", "d"], "count": [1, 5, 2, 5], "first_draw": [9, 0, 3, 1],
         "orbit": ["x", "y", "x", "x"], "orbit_size": [3, 1, 3, 3]}
    )  # fmt: skip
    rows.to_parquet(tmp_path / "members.parquet")
    merged = pa.concat_tables(stream_orbit_counts(tmp_path / "members.parquet", 4, scratch=None))
    expected = rows.assign(orbit_count=[8, 5, 8, 8]).iloc[[1, 3, 2, 0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(merged.to_pandas(), expected)


def test_merge_of_nothing_is_an_empty_table(tmp_path):
    assert merge_counts([], scratch=tmp_path).num_rows == 0


def test_an_interrupt_stays_an_interrupt():
    """DuckDB makes a RuntimeError of the KeyboardInterrupt that its query met."""
    endless = "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(10_000_000) b"
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])

    def run_query() -> None:
        with query._session(None, 1) as session:
            asked = session.sql(endless)
            timer.start()  # not before: a busy machine may take longer than the timer to come here
            asked.fetchall()

    with pytest.raises(KeyboardInterrupt):
        run_query()
    timer.join()
    with pytest.raises(RuntimeError, match="another"), query._session(None, 1):
        raise RuntimeError("another")


def test_a_damaged_or_missing_shard_is_a_data_error(shards, tmp_path):
    paths, _ = shards
    paths[3].write_bytes(paths[3].read_bytes()[:500])
    with pytest.raises(DataError, match=r"part-000003.*damaged"):
        merge_counts(paths, scratch=tmp_path)
    paths[3].unlink()
    with pytest.raises(DataError, match=r"no such file.*part-000003"):
        find_shards(paths, pd.Series(["0001"]), 3)


def test_find_shards_stops_once_every_function_was_met_often_enough(shards):
    paths, rows = shards
    totals = rows.groupby("function")["count"].sum()
    wanted = pd.Series([totals.idxmax(), totals.idxmin(), "ffff"])
    found = find_shards(paths, wanted, 3)
    everywhere = rows[rows["function"].isin(wanted)]
    assert set(found["function"]) == set(everywhere["function"])
    rare = found[found["function"] == totals.idxmin()].reset_index(drop=True)
    expected = everywhere[everywhere["function"] == totals.idxmin()].reset_index(drop=True)
    pd.testing.assert_frame_equal(rare, expected[rare.columns], check_dtype=False)
    common = found[found["function"] == totals.idxmax()]
    assert common["count"].sum() >= 3
    assert common["shard_index"].max() < 64  # the second query no longer looks for it
    assert find_shards([], wanted, 3).empty


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            query.duckdb.IOException("IO Error: write failed: No space left on device"),
            r"disk: .* has no space .*free some",
        ),
        (
            query.duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate 32.0 KiB"),
            r"memory: DuckDB's part .* too small .*--memory",
        ),
    ],
)
def test_a_full_disk_and_too_little_memory_are_told_apart(
    shards, tmp_path, monkeypatch, error, said
):
    paths, _ = shards

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(query.duckdb, "connect", fail)
    with pytest.raises(EnvironmentFault, match=said):
        merge_counts(paths, scratch=tmp_path)
    assert sorted(tmp_path.iterdir()) == paths
