"""The figure of P against lz far below 1/N: what is drawn, with which bars, and its labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Annotation
from scipy.stats import t
from synthetic_tables import synthetic_campaign, synthetic_functions, write_campaign

from pfmap.analysis import analyze
from pfmap.figures.draw import applicable
from pfmap.figures.extended import draw_extended, measured_with_lz
from pfmap.figures.style import drawing
from pfmap.figures.tables import Tables, read_tables

NAME = "probability_lz_extended"


def made_up_evidence(functions: pd.DataFrame) -> pd.DataFrame:
    """Two counted functions, one seen once, and named ones down to an upper bound and a proof."""
    rows = [
        *[(functions["function"].iloc[i], "", -3.0 * i - 2.0, 0.1, -1.0, "reached", 10.0 + i)
          for i in (0, 3)],
        (functions["function"].iloc[-1], "", -17.0, 0.2, -16.6, "reached", 40.0),
        ("f" * 8, "constant-1", -2.0, 0.02, -1.9, "reached", 5.0),
        ("0" * 8, "constant-0", -2.0, 0.02, -1.9, "reached", 5.0),
        ("1" * 8, "majority", -30.0, 2.0, -26.0, "reached", 40.0),
        ("2" * 8, "multiplexer", -31.0, 2.0, -27.0, "reached", 41.0),
        ("3" * 8, "threshold-4", -32.0, 2.0, -28.0, "reached", 42.0),
        ("4" * 8, "parity", np.nan, np.nan, -60.0, "budget", 30.0),
        ("5" * 8, "xor2", -np.inf, 0.0, -np.inf, "not expressible", 20.0),
        ("6" * 8, "random:1", np.nan, np.nan, -33.0, "uncertain", 35.0),
    ]  # fmt: skip
    columns = ["function", "name", "log2_p", "log2_p_se", "log2_p_upper", "verdict", "lz"]
    found = pd.DataFrame(rows, columns=columns).assign(loss="signs", runs=8)
    lower = np.where(found["verdict"] == "uncertain", -68.0, found["log2_p"] - 5.3)
    return found.assign(log2_p_lower=lower)


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Tables:
    functions = synthetic_functions()
    campaign = synthetic_campaign(bootstrap=100, noise_simulations=200)
    result = analyze(functions, None, campaign)
    place = tmp_path_factory.mktemp("extended") / "synthetic"
    found = read_tables(write_campaign(place, campaign, functions, None, result))
    return replace(found, evidence=made_up_evidence(functions))


@pytest.fixture(scope="module")
def figure(tables):
    with drawing():
        figure = draw_extended(tables)
        figure.draw_without_rendering()
    return figure


def notes(figure) -> list[Annotation]:
    return [text for text in figure.axes[0].texts if isinstance(text, Annotation)]


def test_points_are_told_apart_by_what_is_known_of_them(tables):
    rows = measured_with_lz(tables)
    assert rows["kind"].tolist() == ["often", "often", "seldom", *["named"] * 7]
    assert rows["upper"].notna().sum() == 2
    assert rows["lower"].dropna().tolist() == [-68.0]
    assert rows["error"].iloc[0] == pytest.approx(t.ppf(0.975, 7) * 0.1)


def test_the_legend_lies_inside_the_figure(figure):
    """With every kind of entry, which in three columns would be wider than the figure."""
    (legend,) = figure.legends
    extent = legend.get_window_extent()
    assert figure.bbox.x0 + 4.0 < extent.x0
    assert extent.x1 < figure.bbox.x1 - 4.0
    assert legend._ncols == 2


def test_the_axis_reaches_every_bar_and_arrow(tables, figure):
    axes = figure.axes[0]
    low, high = axes.get_ylim()
    assert low < -68.0
    assert high > 0.0
    assert axes.get_legend_handles_labels()[1] == [
        "b = 0: 90 % below", "1/N", "upper bound", "named", "drawn, count ≥ 10",
        "drawn, count < 10", "uncertain: two bounds",
    ]  # fmt: skip
    assert "10 functions by splitting; bars: 95 % intervals" in axes.get_xlabel()


def test_every_named_function_is_labelled_clear_of_the_others(tables, figure):
    found = notes(figure)
    texts = {note.get_text() for note in found}
    assert texts == {
        "constant-1, constant-0",
        "majority",
        "multiplexer",
        "threshold-4",
        "parity",
        "random:1",
    }
    boxes = [note.get_window_extent() for note in found]
    frame = figure.axes[0].get_window_extent()
    points = figure.axes[0].transData.transform(
        measured_with_lz(tables)[["lz", "log2_p"]].dropna().to_numpy(dtype=float)
    )
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert not any(box.contains(x, y) for x, y in points)
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1


def test_the_figure_needs_complexities_and_evidence(tables):
    assert NAME in applicable(tables)
    assert NAME not in applicable(replace(tables, evidence=tables.evidence.iloc[:0]))
    assert NAME not in applicable(replace(tables, evidence=tables.evidence.drop(columns="lz")))
