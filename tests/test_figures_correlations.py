"""Matrices of correlations: numbers do not touch, however many complexities there are."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.text import Text

from pfmap.figures.correlations import Coefficient, Layout, _matrix
from pfmap.figures.style import drawing

MEASURES = [
    "ones", "lz", "lz_mingard2025", "entropy", "sensitivity", "generalisation",
    "critical_sample_ratio", "walsh_l1", "degree", "bdd", "bdd_min", "expression", "halfspaces",
    "circuit", "formula", "lz_orbit_min",
]  # fmt: skip


@pytest.mark.parametrize("n_columns", [2, 8, 10, 12, len(MEASURES) - 1])
@pytest.mark.parametrize("value", [-0.88, 0.88])
def test_numbers_of_neighbouring_cells_do_not_touch(n_columns, value):
    rows, columns = MEASURES[1:], MEASURES[:n_columns]
    cells = list(itertools.product(rows, columns))
    spearman = dict.fromkeys(cells, Coefficient(value, "descriptive", 100))
    with drawing():
        figure = _matrix(spearman, Layout(rows, columns, cells))
        figure.draw_without_rendering()
        (axes,) = figure.axes
        cell = axes.get_window_extent().width / n_columns
        texts = [text for text in axes.texts if isinstance(text, Text)]
        assert len(texts) == len(cells)
        assert max(text.get_window_extent().width for text in texts) < cell
