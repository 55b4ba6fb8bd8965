"""Tables larger than memory: what is computed from pieces equals what is computed from the whole.

Pieces of a few rows stand for those of 2^17 rows.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from small_campaign import TABLES, contents, same_tables, small
from synthetic_tables import synthetic_campaign, synthetic_functions

from pfmap import pipeline
from pfmap.analysis import analyze, summary_text
from pfmap.analysis.population import population_of, read_population
from pfmap.errors import SettingsError
from pfmap.figures.draw import applicable
from pfmap.figures.style import drawing, write_figure
from pfmap.figures.tables import read_tables
from pfmap.llc.select import select_functions
from pfmap.memory import MIN_MEMORY, check_memory, duckdb_memory
from pfmap.pipeline.selection import selected_for_llc, selected_for_volume, thinned
from pfmap.settings.sections import Analysis, Complexity, Llc, Volume
from pfmap.store import CampaignFolder, tables
from pfmap.store.schema import Column, pa
from pfmap.store.tables import read_file, stream_file, table_writer, write_table
from pfmap.volume.select import select_by_probability

MEASURED = ("sample", "functions", "complexity", "llc", "analyze")
CAMPAIGN = small(
    llc=Llc(functions=0),
    volume=Volume(functions=0, named=()),
    complexity=Complexity(dear_functions=20),
    analysis=Analysis(bootstrap=100, noise_simulations=200),
)


@pytest.fixture
def pieces(monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 200)
    return 200


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folder of a campaign whose table was one piece."""
    folder = tmp_path_factory.mktemp("campaigns") / "whole"
    pipeline.run(CAMPAIGN, folder, stages=MEASURED)
    return folder


@pytest.fixture(scope="module")
def functions():
    """A table with orbits, where few functions and more orbits are counted often enough."""
    return synthetic_functions()


def written(path, frame):
    contract = {column.name for column in tables.TABLES["functions"]}
    extra = tuple(
        Column(name, pa.float64(), "", "") for name in frame.columns if name not in contract
    )
    write_table(path, frame, "functions", extra=extra)
    return path


def test_a_table_written_in_pieces_of_any_size_is_the_same_file(tmp_path, pieces):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"function": [f"{i:04x}" for i in range(300)], "count": rng.integers(1, 9, 300),
         "first_draw": rng.permutation(300)}
    )  # fmt: skip
    write_table(tmp_path / "whole.parquet", frame, "counts")
    with table_writer(tmp_path / "parts.parquet", "counts") as write:
        for part in (frame.iloc[a:b] for a, b in pairwise([0, 1, 2, 50, 50, 211, 300])):
            write(part)
    one, two = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("whole", "parts"))
    assert one == two
    sizes = [len(rows) for rows in stream_file(tmp_path / "whole.parquet", "counts")]
    assert sizes == [pieces, 300 - pieces]
    assert sum(sizes) == 300
    back = pd.concat(rows.to_pandas() for rows in stream_file(tmp_path / "whole.parquet", "counts"))
    pd.testing.assert_frame_equal(back.reset_index(drop=True), frame)


def test_campaigns_do_not_depend_on_the_pieces_or_the_budget(tmp_path, monkeypatch, whole):
    """All tables but the parts of a file that say how it was cut."""
    monkeypatch.setattr(tables, "ROW_GROUP", 16)
    pipeline.run(CAMPAIGN, tmp_path / "cut", stages=MEASURED, memory="1GiB", threads=1)
    same_tables(whole, tmp_path / "cut", TABLES)
    one, two = (contents(CampaignFolder(folder)) for folder in (whole, tmp_path / "cut"))
    assert one["summary.md"] == two["summary.md"]
    assert not list((tmp_path / "cut").glob(".*pfmap-tmp"))


@pytest.mark.parametrize("selection", ["stratified", "equal_ones", "equal_lz"])
def test_selections_are_those_from_the_whole_table(tmp_path, pieces, functions, selection):
    path = written(tmp_path / "functions.parquet", functions)
    frame = read_file(path, "functions").to_pandas()
    named = tuple(frame["function"].iloc[[-1, 400]])
    for n_functions in (0, 25):
        settings = Llc(functions=n_functions, selection=selection, named=named)
        campaign = synthetic_campaign().model_copy(update={"llc": settings})
        found = selected_for_llc(path, campaign)
        expected = select_functions(frame, settings)
        pd.testing.assert_frame_equal(found[["function", "reason"]], expected)
        assert (frame["function"].iloc[found["row"]].to_numpy() == expected["function"]).all()
        update = {"volume": campaign.volume.model_copy(update={"functions": n_functions})}
        assert selected_for_volume(path, campaign.model_copy(update=update)) == (
            select_by_probability(frame, n_functions, campaign.analysis.min_count)
        )


def test_thinning_keeps_few_rows(tmp_path, pieces, functions):
    path = written(tmp_path / "functions.parquet", functions.assign(lz=7.0))
    kept = thinned(path, ("count", "lz"), 2)
    assert kept.groupby("count").size().max() <= 2 + 2
    assert len(kept) < len(functions)


def test_analysis_and_figures_of_a_population_are_those_of_the_whole_table(
    tmp_path, pieces, functions
):
    campaign = synthetic_campaign(bootstrap=100, noise_simulations=200)
    path = written(tmp_path / "functions.parquet", functions)
    frame = read_file(path, "functions").to_pandas()
    population = read_population(path, min_count=campaign.analysis.min_count)
    assert len(population.functions) < len(frame)
    assert population.n_functions == len(frame)
    whole, read = (analyze(table, None, campaign) for table in (frame, population))
    for name in ("fits", "correlations", "predictors"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(read, name), check_exact=True)
    assert summary_text(frame, whole, campaign) == summary_text(population, read, campaign)
    assert set(population.valued) == set(population_of(frame).valued)


def test_figures_of_a_population_are_those_of_the_whole_table(tmp_path, monkeypatch, whole):
    monkeypatch.setattr("pfmap.analysis.population._HEAD", 10)
    monkeypatch.setattr(tables, "ROW_GROUP", 16)
    read = read_tables(whole)
    functions = read_file(whole / "functions.parquet", "functions").to_pandas()
    assert len(read.functions) < len(functions)
    plain = type(read)(
        read.campaign, functions, read.llc, read.fits, read.correlations, read.predictors,
        read.evidence,
    )  # fmt: skip
    assert list(applicable(read)) == list(applicable(plain))
    with drawing():
        for name, draw in applicable(read).items():
            files = [
                write_figure(draw(source), tmp_path / place, name)
                for source, place in ((read, "read"), (plain, "plain"))
            ]
            one, two = ([path.read_bytes() for path in paths] for paths in files)
            assert one == two, name


def test_budgets_are_sizes_and_duckdb_gets_a_part():
    assert check_memory("1GiB") == check_memory(2**30) == MIN_MEMORY
    assert check_memory("1.5 gb") == 1_500_000_000
    assert check_memory(None) >= MIN_MEMORY
    assert 2**28 < duckdb_memory(MIN_MEMORY) < duckdb_memory(2 * MIN_MEMORY) < 2 * MIN_MEMORY
    for wrong in ("two", "1 PB", "-1GiB", "0.5GiB"):
        with pytest.raises(SettingsError, match="memory: must be"):
            check_memory(wrong)
