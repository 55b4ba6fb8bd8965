"""What figures say about themselves: legends clear of the data, and the cells of matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from synthetic_tables import synthetic_campaign, synthetic_functions, write_campaign

from pfmap.analysis import analyze
from pfmap.figures.draw import applicable
from pfmap.figures.style import drawing
from pfmap.figures.tables import Tables, read_tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Tables:
    """Tables of a campaign without learning coefficients."""
    functions = synthetic_functions()
    campaign = synthetic_campaign(bootstrap=100, noise_simulations=200)
    result = analyze(functions, None, campaign)
    place = tmp_path_factory.mktemp("labels") / "synthetic"
    return read_tables(write_campaign(place, campaign, functions, None, result))


def with_correlations(tables: Tables, correlations) -> Tables:
    return replace(tables, correlations=correlations)


def draw(tables: Tables, name: str) -> Figure:
    with drawing():
        figure = applicable(tables)[name](tables)
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", ["probability_rank", "probability_lz"])
def test_the_legend_stands_above_every_panel(tables, name):
    figure = draw(tables, name)
    (legend,) = figure.legends
    top = max(axes.get_window_extent().y1 for axes in figure.axes)
    box = legend.get_window_extent()
    assert box.y0 >= top
    assert box.x0 >= 0.0
    assert box.x1 <= figure.bbox.x1


def test_grey_cells_are_explained_where_there_are_any(tables):
    pair = tables.correlations["x"].eq("log2_p") | tables.correlations["y"].eq("log2_p")
    assert "grey" not in draw(tables, "correlations").axes[0].get_xlabel()
    first = tables.correlations[pair].index[tables.correlations[pair]["method"] == "spearman"][0]
    some = tables.correlations.copy()
    some.loc[first, "estimate"] = np.nan
    label = draw(with_correlations(tables, some), "correlations").axes[0].get_xlabel()
    assert "grey: none could be computed" in label


def test_matrices_without_a_value_are_left_out(tables):
    none = with_correlations(tables, tables.correlations.assign(estimate=np.nan))
    assert not {"correlations", "complexity_correlations"} & set(applicable(none))


def test_correlations_of_complexities_say_their_rows(tables):
    least = tables.campaign.analysis.min_count
    n = int((tables.functions["count"] >= least).sum())
    label = draw(tables, "complexity_correlations").axes[0].get_xlabel()
    assert f"n = {n} functions counted ≥ {least}" in label
