"""Points that nothing orders: what reads an order is left out, what needs none stands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import make_moons

from pfmap.analysis.quantities import READS_ORDER
from pfmap.complexity import FunctionBatch, measure, proxies_for, proxy
from pfmap.errors import SettingsError
from pfmap.pipeline import run
from pfmap.pipeline.freshness import stage_tokens
from pfmap.pipeline.tasks import campaign_here, sent
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import boolean_points
from pfmap.settings.read import campaign_from_mapping
from pfmap.store import read_table

POINTS, LABELS = make_moons(200, noise=0.2, random_state=0)
ORDERS = {
    "file": np.arange(200),
    "sorted by x": np.argsort(POINTS[:, 0], kind="stable"),
    "sorted by label": np.argsort(LABELS, kind="stable"),
}


def labelling(order: np.ndarray) -> FunctionBatch:
    return FunctionBatch("labels", POINTS[order], bits=LABELS[order][None])


def test_lz_of_a_labelling_is_that_of_its_order_and_the_disagreement_is_its_own():
    found = {name: measure(labelling(order)) for name, order in ORDERS.items()}
    assert [round(float(values["lz"][0])) for values in found.values()] == [222, 161, 23]
    disagreement = {float(values["neighbour_disagreement"][0]) for values in found.values()}
    # 11 of the 200 points have a nearest neighbour in the other moon, by hand:
    distances = ((POINTS[:, None] - POINTS[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert disagreement == {float((LABELS[distances.argmin(axis=1)] != LABELS).mean())} == {0.055}
    random = np.random.default_rng(0).permutation(LABELS)[None]
    shuffled = measure(FunctionBatch("labels", POINTS, bits=random))["neighbour_disagreement"][0]
    assert abs(shuffled - 0.5) < 5 * 0.5 / np.sqrt(200)


def test_equally_near_neighbours_count_equally():
    """On the Boolean cube every point has n nearest: average sensitivity over n."""
    points = boolean_points(4)
    bits = np.random.default_rng(1).integers(0, 2, (20, 16), dtype=np.uint8)
    order = np.random.default_rng(2).permutation(16)
    batch = FunctionBatch("labels", points[order], bits=bits[:, order])
    found = measure(batch, ["neighbour_disagreement"])["neighbour_disagreement"]
    cube = measure(FunctionBatch("boolean", points, bits=bits), ["sensitivity"])["sensitivity"]
    np.testing.assert_allclose(found, cube / 4.0, rtol=1e-12)
    twice = np.array([[0.0], [0.0], [0.0], [5.0]])  # three at one place, one elsewhere
    batch = FunctionBatch("labels", twice, bits=np.array([[0, 0, 1, 1]]))
    # The first two: ½ each; the third: 1; the last: its three nearest hold two zeros.
    values = measure(batch, ["neighbour_disagreement"])["neighbour_disagreement"]
    assert values[0] == pytest.approx((0.5 + 0.5 + 1.0 + 2.0 / 3.0) / 4.0)


def test_thousands_of_equal_points_have_no_nearest():
    points = np.vstack([np.zeros((3000, 2)), [[1.0, 1.0]]])
    bits = np.zeros((2, 3001), dtype=np.uint8)
    found = measure(FunctionBatch("labels", points, bits=bits), ["neighbour_disagreement"])
    assert np.isnan(found["neighbour_disagreement"]).all()


@pytest.mark.parametrize("kind", ["labels", "curve"])
def test_every_proxy_reads_an_order_if_and_only_if_it_says_so(kind):
    rng = np.random.default_rng(3)
    points, values = rng.normal(size=(50, 2)), rng.integers(0, 2, (40, 50))
    held = "symbols" if kind == "curve" else "bits"
    before = measure(FunctionBatch(kind, points, **{held: values}))
    order = rng.permutation(50)
    after = measure(FunctionBatch(kind, points[order], **{held: values[:, order]}))
    for item in proxies_for(kind):
        same = np.allclose(before[item.name], after[item.name], rtol=1e-9, equal_nan=True)
        assert item.reads_order is not same, item.name


def test_the_analysis_knows_every_proxy_of_pfmap_that_reads_an_order():
    kinds = ("boolean", "labels", "curve")
    reading = {item.name for kind in kinds for item in proxies_for(kind) if item.reads_order}
    assert reading == set(READS_ORDER)


def test_a_proxy_must_say_whether_it_reads_an_order():
    with pytest.raises(TypeError, match="reads_order"):
        proxy("mine", meaning="", unit="", kinds=["labels"])


def moons(folder, name: str, rows: np.ndarray, **domain: str) -> Campaign:
    path = folder / f"{name.replace(' ', '_')}.npy"
    np.save(path, POINTS[rows[rows < 40]])
    return campaign_from_mapping(
        {
            "name": path.stem,
            "draws": 30_000,
            "block_draws": 30_000,
            "network": {"widths": [2, 6, 1], "activation": "tanh"},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "points", "file": str(path), **domain},
            "llc": {"functions": 0},
            "volume": {"functions": 0, "named": []},
            "analysis": {"bootstrap": 100, "noise_simulations": 200},
        }
    )


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory) -> Iterator:
    """One campaign in three orders of its file, and one whose order is declared."""
    folder = tmp_path_factory.mktemp("moons")
    cases = {name: (order, {}) for name, order in ORDERS.items()}
    cases["declared"] = (ORDERS["sorted by x"], {"order": "file"})
    found = {}
    for name, (order, domain) in cases.items():
        out = folder / f"out {name}"
        run(moons(folder, name, order, **domain), out)
        found[name] = out
    return found


def columns(table: pd.DataFrame) -> set[str]:
    return set(np.ravel(table[["x", "y"]].to_numpy()))


def test_lz_of_unordered_points_stands_in_the_table_and_enters_nothing(campaigns):
    for name in ORDERS:
        out = campaigns[name]
        functions = read_table(out, "functions").to_pandas()
        assert functions["lz"].notna().all()
        meaning = pq.read_schema(out / "functions.parquet").field("lz").metadata[b"meaning"]
        assert b"WARNING: it depends on the order" in meaning
        fits = read_table(out, "fits").to_pandas()
        assert set(fits["predictor"]) == {"lz"}
        assert fits["estimate"].isna().all()
        assert fits["verdict"].str.contains("nothing orders the points").all()
        correlations = read_table(out, "correlations").to_pandas()
        assert not columns(correlations) & {"lz", "lz_mingard2025"}
        assert "neighbour_disagreement" in columns(correlations)
        predictors = read_table(out, "predictors").to_pandas()
        assert not predictors["predictor"].str.contains("lz").any()
        assert "neighbour_disagreement" in set(predictors["predictor"])
        drawn = {path.stem for path in (out / "figures").iterdir()}
        assert not {figure for figure in drawn if "lz" in figure}
        assert "probability_rank" in drawn
        summary = (out / "summary.md").read_text()
        assert "WARNING: lz and lz_mingard2025 depend on the order in which" in summary
        assert 'set domain.order = "file"' in summary
        assert "dingle_bound of log2_p on lz: not fitted: nothing orders the points" in summary


def test_a_declared_order_brings_lz_back(campaigns):
    out = campaigns["declared"]
    meaning = pq.read_schema(out / "functions.parquet").field("lz").metadata[b"meaning"]
    assert b"WARNING" not in meaning
    fits = read_table(out, "fits").to_pandas()
    assert (fits.loc[fits["fit"] == "dingle_bound", "verdict"] == "ok").any()
    assert "lz" in columns(read_table(out, "correlations").to_pandas())
    assert (out / "figures" / "probability_lz.png").exists()
    assert "WARNING" not in (out / "summary.md").read_text()


def test_what_is_said_of_unordered_points_is_the_same_for_every_order(campaigns):
    found = []
    for name in ORDERS:
        table = read_table(campaigns[name], "correlations").to_pandas()
        chosen = table[(table["y"] == "neighbour_disagreement") & (table["method"] == "spearman")]
        found.append(chosen.set_index(["x", "subset"])["estimate"].astype(float))
    assert len(found[0])
    for other in found[1:]:
        np.testing.assert_allclose(other.loc[found[0].index], found[0], rtol=1e-9)


def test_declaring_an_order_changes_no_draw_and_makes_later_stages_again(tmp_path):
    free = moons(tmp_path, "a", ORDERS["file"])
    declared = moons(tmp_path, "a", ORDERS["file"], order="file")
    assert free.digest() == declared.digest()
    assert campaign_here(sent(declared)).domain.order == "file"  # workers know it too
    digits = [
        campaign_from_mapping(
            {"network": {"widths": [64, 4, 1]}, "domain": {"kind": "digits", "order": order}}
        )
        for order in ("none", "file")
    ]
    assert digits[0].digest() == digits[1].digest()
    before, after = (stage_tokens(campaign) for campaign in (free, declared))
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == {"complexity", "llc", "volume", "free_energy", "analyze", "plot"}


@pytest.mark.parametrize("selection", ["equal_lz", "equal_ones"])
def test_a_selection_by_lz_needs_an_order(selection):
    settings = {
        "network": {"widths": [64, 4, 1]},
        "domain": {"kind": "digits"},
        "llc": {"selection": selection},
    }
    with pytest.raises(SettingsError, match=r"needs the lz of ordered points, got domain\.order"):
        campaign_from_mapping(settings)
    settings["domain"] = {"kind": "digits", "order": "file"}
    assert campaign_from_mapping(settings).llc.selection == selection
