"""The documentation of the files is made from the schema and does what it says."""

import re
import shutil

import pytest

from pfmap.errors import DataError, EnvironmentFault, PfmapError, SettingsError, StoppedEarly
from pfmap.store.describe import fill_page
from pfmap.store.schema import TABLES


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "files.md").read_text(encoding="utf-8")


def test_the_page_holds_the_columns_of_the_schema(page):
    assert fill_page(page) == page, "renew it with scripts/reference_docs.py"
    for name in TABLES:
        assert f"<!-- columns {name} -->" in page
    assert fill_page(page.replace("`log2_p`", "`log_p`")) == page


def test_the_page_names_the_exit_codes_of_the_errors(page):
    for kind in (PfmapError, SettingsError, StoppedEarly, DataError, EnvironmentFault):
        assert re.search(rf"^\| {kind.exit_code} \|", page, re.MULTILINE), kind


def test_the_examples_of_the_page_run(page, root, tmp_path, monkeypatch, tiny_run):
    shutil.copytree(tiny_run, tmp_path / "results" / "default")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        exec(compile(example, "docs/files.md", "exec"), {})


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """A folder with counts and functions of a small campaign."""
    from pfmap import pipeline
    from pfmap.settings.campaign import Campaign
    from pfmap.settings.network import Network

    campaign = Campaign(draws=1000, block_draws=512, network=Network(widths=(3, 4, 1)))
    folder = tmp_path_factory.mktemp("tiny") / "tiny"
    pipeline.run(campaign, folder, stages=["functions"])
    return folder
