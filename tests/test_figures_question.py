"""Figures of the question: what they show, and that they stand on the tables alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_classes import asking, synthetic

from pfmap.analysis.question import question_of, relations
from pfmap.figures.measures import draw_left_over, draw_measures, has_measures
from pfmap.figures.question import draw_question, has_question
from pfmap.figures.style import drawing


@pytest.fixture(scope="module")
def tables():
    classes, energies = synthetic()
    table = relations(question_of(classes, energies, asking()), asking())
    return SimpleNamespace(
        campaign=asking(), classes=classes, free_energy=energies, relations=table
    )


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))]


def test_one_curve_has_a_line_a_class_and_the_exact_coefficients_beside_it(tables):
    assert has_question(tables)
    with drawing():
        figure = draw_question(tables)
        figure.draw_without_rendering()
    first, side, second = figure.axes[:3]
    solid = [line for line in first.lines if line.get_linestyle() == "-" and len(line.get_xdata())]
    assert len([line for line in solid if len(line.get_xdata()) > 2]) == 60
    assert len([line for line in first.lines if line.get_linestyle() == "--"]) == 3
    points = side.collections[0].get_offsets()
    assert sorted(points[:, 1]) == sorted(
        tables.classes.loc[tables.classes["chosen"], "function_llc"]
    )
    assert first.get_ylim() == side.get_ylim()
    labels = [text.get_text() for text in second.texts]
    assert any("exact" in text for text in labels)
    heights = sorted(text.get_window_extent().y0 for text in second.texts)
    tall = second.texts[0].get_window_extent().height
    assert (np.diff(heights) > 0.7 * tall).all()  # numbers do not touch


def test_every_measure_that_varies_has_a_panel_and_the_others_a_word(tables):
    with drawing():
        figure = draw_measures(tables)
        figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title() for axes in shown]
    assert len(titles) == 5
    assert any(title.startswith("half-spaces\nρ -") and "n = 80" in title for title in titles)
    assert any("one value only: decision diagram" in text for text in texts(figure))
    assert has_measures(tables)
    assert has_measures(tables, "delta")
    unknown = tables.relations.assign(estimate=np.nan)
    assert not has_measures(SimpleNamespace(relations=unknown))
    with drawing():
        assert len([a for a in draw_left_over(tables).axes if a.get_visible()]) == 4


def test_without_curves_there_is_no_figure(tables):
    empty = SimpleNamespace(
        free_energy=tables.free_energy.iloc[:0], relations=tables.relations.iloc[:0]
    )
    assert not has_question(empty)


def test_without_a_probability_of_any_class_curves_are_grey_and_no_scale_stands_there(tables):
    unsettled = SimpleNamespace(**{**vars(tables), "classes": tables.classes.assign(log2_p=np.nan)})
    with drawing():
        figure = draw_question(unsettled)
        assert all(axes.get_xlabel() != r"$\log_2 P(f)$" for axes in figure.axes)
        labels = figure.axes[0].get_legend_handles_labels()[1]
    assert "P not settled" in labels
    assert "limit of infinite width" not in labels


def test_without_an_exact_coefficient_no_line_of_it_is_announced(tables):
    unknown = tables.relations[tables.relations["y"] != "function_llc"]
    with drawing():
        agreement = draw_question(SimpleNamespace(**{**vars(tables), "relations": unknown})).axes[2]
        labels = agreement.get_legend_handles_labels()[1]
        whole = draw_question(tables).axes[2].get_legend_handles_labels()[1]
    assert len(labels) == len(whole) - 1
    assert not any("exact" in label for label in labels)
