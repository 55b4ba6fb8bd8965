"""The named campaigns of the question: what they ask, and every stage of them with few draws."""

from __future__ import annotations

import pytest

from pfmap import pipeline
from pfmap.experiments import named_campaign
from pfmap.store import read_table


@pytest.mark.parametrize(
    ("name", "widths", "classes", "last"),
    [
        ("occam-three", (3, 16, 1), 14, 1e5),
        ("occam-three-narrow", (3, 4, 1), 14, 1e5),
        ("occam-three-deep", (3, 16, 16, 1), 14, 1e5),
        ("occam-three-narrow-deep", (3, 4, 4, 1), 14, 1e5),
        ("occam-seven", (7, 40, 40, 1), 40, 1e3),
        ("occam-regression", (1, 16, 1), 40, 1e3),
    ],
)
def test_what_they_ask(name, widths, classes, last):
    campaign = named_campaign(name)
    assert campaign.name == name
    assert campaign.network.widths == widths
    assert (campaign.free_energy.classes, campaign.free_energy.n[1]) == (classes, last)
    assert campaign.exact_keys


@pytest.mark.parametrize("name", ["occam-seven", "occam-regression"])
def test_every_stage_runs_to_its_end_with_few_draws(name, tmp_path):
    campaign = named_campaign(name)
    few = campaign.model_copy(
        update={
            "draws": 8192,
            "block_draws": 8192,
            "llc": campaign.llc.model_copy(update={"functions": 1, "steps": 100, "warmup": 50}),
            "free_energy": campaign.free_energy.model_copy(
                update={"classes": 9, "n": (0.3, 3.0), "chains": 8, "steps": 4}
            ),
            "volume": campaign.volume.model_copy(update={"chains": 8, "steps": 4, "runs": 2}),
            "analysis": campaign.analysis.model_copy(
                update={"bootstrap": 100, "noise_simulations": 200}
            ),
        }
    )
    result = pipeline.run(few, tmp_path / name, threads=1)
    assert list(result.stages)[-1] == "plot"
    classes = read_table(tmp_path / name, "classes").to_pandas()
    assert classes["chosen"].sum() == 9
    assert read_table(tmp_path / name, "free_energy").num_rows
    assert read_table(tmp_path / name, "relations").num_rows
    summary = (tmp_path / name / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith(f"# {name}: prior mass")
