"""Parquet tables: round trip, damage, foreign files, formats, and pandas' own reader."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pfmap.errors import DataError
from pfmap.store.schema import FORMAT_VERSION, FUNCTIONS, TABLES, Column, arrow_schema
from pfmap.store.tables import column_names, file_notes, read_file, row_count, write_table

SAMPLE = Path(__file__).parent / "data" / "format-1"


def counts(n_rows: int = 5000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    keys = [f"{value:032x}" for value in np.sort(rng.choice(2**40, n_rows, replace=False))]
    return pd.DataFrame(
        {
            "function": keys,
            "count": rng.integers(1, 2**40, n_rows),
            "first_draw": rng.integers(0, 2**40, n_rows),
        }
    )


def test_round_trip_keeps_values_types_units_and_meanings(tmp_path):
    path = tmp_path / "part-000000.parquet"
    digest = write_table(path, counts(), "counts", notes={"pfmap_draws": "7"})
    table = read_file(path, "counts")
    pd.testing.assert_frame_equal(table.to_pandas(), counts())
    assert table.schema.field("count").metadata[b"unit"] == b"draws"
    assert table.schema.metadata[b"pfmap_draws"] == b"7"
    assert len(digest) == 64
    assert column_names(path, "counts") == table.column_names


def test_the_same_table_gives_the_same_bytes(tmp_path):
    one = write_table(tmp_path / "one.parquet", counts(), "counts")
    two = write_table(tmp_path / "two.parquet", counts(), "counts")
    other = write_table(tmp_path / "three.parquet", counts(seed=1), "counts")
    assert one == two != other


def test_pandas_reads_a_folder_of_shards_with_ordinary_types(tmp_path):
    for index in range(3):
        write_table(tmp_path / f"part-{index:06d}.parquet", counts(100, index), "counts")
    (tmp_path / ".part-000003.parquet.pfmap-tmp").write_bytes(b"left by a killed writer")
    frame = pd.read_parquet(tmp_path)
    assert len(frame) == 300
    assert frame["count"].dtype == np.int64
    assert frame["first_draw"].dtype == np.int64
    assert isinstance(frame["function"].iloc[0], str)


def test_nulls_read_as_nan_in_pandas(tmp_path):
    row = {column.name: [None] for column in FUNCTIONS}
    row.update(function=["8"], count=[1], p=[1.0])
    table = pa.table({c.name: pa.array(row[c.name], c.type) for c in FUNCTIONS})
    table = table.append_column("lz", pa.array([2.5]))
    extra = (Column("lz", pa.float64(), "bits", "LZ76"), Column("bdd", pa.float64(), "", "nodes"))
    with pytest.raises(DataError, match=r"columns missing: bdd"):
        write_table(tmp_path / "functions.parquet", table, "functions", extra=extra)
    write_table(tmp_path / "functions.parquet", table, "functions", extra=extra[:1])
    frame = pd.read_parquet(tmp_path / "functions.parquet")
    assert frame["lz"].tolist() == [2.5]
    assert np.isnan(frame["ones"].iloc[0])
    assert frame["orbit_size"].dtype == np.float64


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_in_a_page_is_found_on_reading(tmp_path, seed):
    path = tmp_path / "part-000000.parquet"
    write_table(path, counts(), "counts")
    content = bytearray(path.read_bytes())
    place = np.random.default_rng(seed).integers(200, len(content) // 2)
    content[place] ^= 1 << (seed % 8)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"part-000000\.parquet: damaged"):
        read_file(path, "counts")


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, 0.999])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "part-000000.parquet"
    write_table(path, counts(), "counts")
    content = path.read_bytes()
    size = keep if isinstance(keep, int) else int(keep * len(content))
    path.write_bytes(content[:size])
    for reader in (read_file, column_names):
        with pytest.raises(DataError, match=r"part-000000\.parquet: damaged"):
            reader(path, "counts")


def test_foreign_files_are_refused_with_the_next_step(tmp_path):
    foreign = tmp_path / "foreign.parquet"
    counts(3).to_parquet(foreign)
    with pytest.raises(DataError, match=r"not a pfmap table.*next: point to a folder"):
        read_file(foreign, "counts")
    (tmp_path / "text.parquet").write_text("not Parquet at all")
    with pytest.raises(DataError, match=r"not valid Parquet"):
        read_file(tmp_path / "text.parquet", "counts")
    with pytest.raises(DataError, match=r"no such file.*next: make it with pfmap run"):
        read_file(tmp_path / "absent.parquet", "counts")
    write_table(tmp_path / "counts.parquet", counts(3), "counts")
    with pytest.raises(DataError, match=r"holds the table 'counts' where 'llc' is expected"):
        read_file(tmp_path / "counts.parquet", "llc")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("99", "newer than 1.*pip install --upgrade"),
        ("0", "older than 1.*provenance"),
        ("x", "not"),
    ],
)
def test_other_formats_are_refused_with_the_remedy(tmp_path, version, message):
    schema = arrow_schema("counts")
    schema = schema.with_metadata({**schema.metadata, b"pfmap_format": version.encode()})
    table = pa.Table.from_pandas(counts(3), preserve_index=False).cast(schema)
    pq.write_table(table, tmp_path / "counts.parquet")
    with pytest.raises(DataError, match=message):
        read_file(tmp_path / "counts.parquet", "counts")


@pytest.mark.parametrize("note", [{b"pfmap_keep": b"samp\x9ced"}, {b"pfmap_k\xff": b"1"}])
def test_notes_that_are_no_text_are_damage(tmp_path, note):
    path = tmp_path / "counts.parquet"
    table = pa.Table.from_pandas(counts(3), preserve_index=False).cast(arrow_schema("counts"))
    notes = {**table.schema.metadata, **note}
    pq.write_table(table.replace_schema_metadata(notes), path)
    for look in (read_file, file_notes, row_count):
        with pytest.raises(DataError, match=r"counts\.parquet: .*decode"):
            look(path, "counts")


def test_a_shard_without_a_column_is_damage(tmp_path):
    path = tmp_path / "counts.parquet"
    table = pa.Table.from_pandas(counts(3), preserve_index=False).cast(arrow_schema("counts"))
    pq.write_table(table.drop_columns("first_draw"), path)
    with pytest.raises(DataError, match=r"counts\.parquet: lacks first_draw"):
        read_file(path, "counts")


def test_a_column_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "functions.parquet"
    metadata = {"pfmap_table": "functions", "pfmap_format": str(FORMAT_VERSION)}
    column = pa.array(["00"])
    twice = pa.Table.from_arrays([column, column], names=["function", "function"])
    pq.write_table(twice.replace_schema_metadata(metadata), path)
    with pytest.raises(DataError, match=r"functions\.parquet: holds a column twice"):
        read_file(path, "functions")


def test_a_column_that_does_not_fit_the_contract_is_named(tmp_path):
    frame = counts(3)
    with pytest.raises(DataError, match=r"counts: columns missing: first_draw"):
        write_table(tmp_path / "a.parquet", frame.drop(columns="first_draw"), "counts")
    with pytest.raises(DataError, match=r"counts: a column does not fit"):
        write_table(tmp_path / "a.parquet", frame.assign(count="many"), "counts")
    assert list(tmp_path.iterdir()) == []


def test_the_sample_of_format_1_can_still_be_read():
    table = read_file(SAMPLE / "counts" / "part-000000.parquet", "counts")
    assert table.to_pydict() == {
        "function": ["0", "1", "6", "f"],
        "count": [5, 2, 1, 4],
        "first_draw": [0, 3, 9, 1],
    }
    functions = read_file(SAMPLE / "functions.parquet", "functions").to_pandas()
    assert functions["function"].tolist() == ["0", "f", "1", "6"]
    assert functions["lz"].tolist()[:2] == [2.0, 2.0]


def test_every_column_says_what_it_means():
    for name, columns in TABLES.items():
        assert len({column.name for column in columns}) == len(columns)
        for column in columns:
            assert column.meaning.endswith((".", "…", "w*.")), (name, column.name)
            assert arrow_schema(name).field(column.name).metadata[b"meaning"].decode()
