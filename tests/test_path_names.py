"""A path is a name: whatever folders are called, a campaign in them has the same tables."""

import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_campaign import TABLES as MADE
from small_campaign import UNDRAWN, same_tables, small

from pfmap import pipeline
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain, domain_points
from pfmap.settings.network import Network
from pfmap.settings.sections import Analysis, Complexity, Llc, Volume
from pfmap.store import find_functions
from pfmap.store.schema import TABLES
from pfmap.volume.training import load_training_set

COLUMNS = sorted({column.name for columns in TABLES.values() for column in columns} | {"lz"})
NAMES = [
    "a[1]", "[ab]", "[!x]", "[a-z]", "*", "**", "?", "part-*.parquet", "{a,b}", "{", "'", '"',
    "it's", "new\nline", "tab\t", "%2F", "%20", "100%", "back\\slash", "back\\[1]", "\\*", "-dash",
    "--out", ".dot", " ", "two words", "~", "~root", "$HOME", "#1", ";", "&", "|", "(", "s3:",
    "file:", "é", "e\u0301", "\u03bb", "\U0001f642", "null", "__HIVE_DEFAULT_PARTITION__",
]  # fmt: skip


def campaign(seed: int) -> Campaign:
    """Every stage, each as short as it can be."""
    return small(
        seed=seed,
        draws=700,
        block_draws=256,
        network=Network(widths=(2, 4, 1)),
        llc=Llc(functions=2, draws_per_function=1, centers=("self",), chains=2, steps=100,
                warmup=50, ladder_steps=0),
        volume=Volume(functions=1, named=("and",), chains=8, steps=4, runs=2),
        complexity=Complexity(proxies=("lz", "entropy")),
        analysis=Analysis(bootstrap=100, noise_simulations=200),
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The campaign in a folder with an ordinary name, and another one."""
    folders = [tmp_path_factory.mktemp("plain") / name for name in ("one", "two")]
    for seed, folder in enumerate(folders, start=1):
        pipeline.run(campaign(seed), folder, stages=UNDRAWN)
    return folders


@st.composite
def hostile(draw) -> str:
    """A folder's name that a reader of patterns or of partitions would take for something else."""
    kind = draw(st.sampled_from(["listed", "column", "any"]))
    if kind == "listed":
        return draw(st.sampled_from(NAMES)) + draw(st.sampled_from(["", *NAMES]))
    if kind == "column":
        column = draw(st.sampled_from(COLUMNS))
        cased = draw(st.sampled_from([column, column.upper(), column.title()]))
        return f"{cased}={draw(st.sampled_from(['00', '7', '0', 'x', '', 'a[1]', '*']))}"
    text = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)
    return draw(text.filter(lambda name: name not in (".", "..")))


def siblings(name: str) -> list[str]:
    """Other names that a pattern might match, or that differ in the form of their letters only."""
    matched = name
    for pattern, text in (("[", ""), ("]", ""), ("*", "x"), ("?", "x"), ("{", ""), ("}", "")):
        matched = matched.replace(pattern, text)
    forms = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    parts = name.replace("\\", "/").strip("/")
    found = {matched, "a1", "x", *forms, parts, f"{parts}1"}
    return [other for other in found if other and other != name and ".." not in other]


def check_hostile(plain: list[Path], names: list[str]) -> None:
    """Run in folders named so, beside siblings that hold another campaign."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for name in names:
            for other in siblings(name):
                if not (place / other).exists():
                    shutil.copytree(plain[1], place / other)
            place /= name
        os.makedirs(place, exist_ok=True)
        pipeline.run(campaign(1), place, stages=UNDRAWN)
        same_tables(place, plain[0], ("counts", *MADE))
        assert pipeline.verify(place, blocks=3).problems == []
        assert pipeline.run(campaign(1), place, resume=True, stages=UNDRAWN).repaired == []
        assert pipeline.status(place)["blocks"] == {"done": 3, "total": 3}
        assert find_functions(place, "0")[0] == 700


@settings(
    max_examples=settings().max_examples // 12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(names=st.lists(hostile(), min_size=1, max_size=3))
@example(names=["function=00", "first_draw=0"])
@example(names=["a[1]"])
@example(names=["*", "back\\*s"])
@example(names=["new\nline'\"", "count=7"])
def test_tables_do_not_depend_on_the_names_of_folders(plain, names):
    check_hostile(plain, names)


@pytest.mark.parametrize("name", ["x0=9", "input=1", "LABEL=1", "a[1]"])
def test_files_of_the_user_are_read_by_their_names(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    points = pd.DataFrame({"x0": [0.0, 1.0, 2.0], "x1": [1.0, 0.0, 1.0]})
    points.to_parquet(folder / "points.parquet")
    domain = PointsDomain(kind="points", file=str(folder / "points.parquet"))
    assert np.array_equal(domain_points(domain, 2), points.to_numpy())
    pd.DataFrame({"input": [0, 2], "label": [0, 1]}).to_parquet(folder / "data.parquet")
    training = load_training_set(folder / "data.parquet", 4)
    assert training.inputs.tolist() == [0, 2]
    assert training.labels.tolist() == [0, 1]
