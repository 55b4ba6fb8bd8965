"""Panels of learning coefficients whose table has little to say."""

from __future__ import annotations

import numpy as np
from synthetic_tables import PROXIES, select, synthetic_campaign, synthetic_functions, synthetic_llc

from pfmap.analysis import analyze
from pfmap.figures.learning import draw_learning
from pfmap.figures.style import drawing
from pfmap.figures.tables import Tables
from pfmap.store.schema import arrow_schema


def test_a_constant_lambda_has_its_reason_above_the_panel_and_inside_the_figure():
    """Three reasons forbid support; in one line they would run off the page."""
    campaign = synthetic_campaign(bootstrap=100, noise_simulations=200)
    functions = select(synthetic_functions(), 12, 0).drop(columns=list(PROXIES[2:]))
    llc = synthetic_llc(
        functions,
        lambda f: np.full(len(f), 16.0),
        within_sd=0.0,
        llc_se=0.0,
        seed=0,
        estimator="rank",
    )
    result = analyze(functions, llc, campaign)
    reasons = result.correlations.query("x == 'rank/self'")["reason"]
    assert reasons.str.count("; ").max() >= 2
    evidence = arrow_schema("evidence").empty_table().to_pandas()
    tables = Tables(
        campaign, functions, llc, result.fits, result.correlations, result.predictors, evidence
    )
    with drawing():
        figure = draw_learning(tables, "lz")
        figure.draw_without_rendering()
    title = figure.axes[0].get_title(loc="left")
    assert title == "no Spearman ρ: rank/self takes one value only"
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert max(-box.x0, -box.y0, box.x1 - width, box.y1 - height) < 0.01
