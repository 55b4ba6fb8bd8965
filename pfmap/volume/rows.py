"""Rows of the tables ``volume`` and ``evidence`` from estimates of a splitting."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .combine import level_variances
from .estimate import VolumeEstimate


def volume_rows(estimate: VolumeEstimate, *, function: str) -> list[dict[str, Any]]:
    """One row for every run and level: ln V there, its error, and how the moves fared.

    Parameters
    ----------
    estimate : VolumeEstimate
    function : str
        Key of the function.

    Returns
    -------
    list of dict
        Columns ``VOLUME`` of `pfmap.store.volume_schema`; runs in order, levels from 1.
    """
    rows = []
    ends = np.cumsum([len(points) for points in estimate.levels.curve]) - 1
    for number, run in enumerate(estimate.runs):
        variances = level_variances(run)
        for level, end in enumerate(ends, start=1):
            rows.append(
                {
                    "function": function,
                    "loss": estimate.target.loss,
                    "run": number,
                    "level": level,
                    "severity": float(estimate.levels.thresholds[level]),
                    "log_volume": float(run.log_volumes[end]),
                    "log_volume_se": _known(math.sqrt(variances[end])),
                    "acceptance": _known(run.acceptances[level - 1]),
                    "particles": particles(estimate),
                }
            )
    return rows


def evidence_row(estimate: VolumeEstimate, *, function: str, name: str = "") -> dict[str, Any]:
    """The row of one function and loss.

    Parameters
    ----------
    estimate : VolumeEstimate
    function : str
        Key of the function.
    name : str, default ""
        What it was asked for by.

    Returns
    -------
    dict
        Columns ``EVIDENCE`` of `pfmap.store.volume_schema`. The learning coefficient and its fit
        are null: of the loss ``signs`` it is 0 by definition, since the wanted signs hold on an
        open set.
    """
    curve, reached = estimate.curve, estimate.verdict == "reached"
    bits = 1.0 / math.log(2.0)
    return {
        "function": function,
        "loss": estimate.target.loss,
        "name": name,
        "log2_p": _known(estimate.log2_p),
        "log2_p_se": _known(estimate.log2_p_se),
        "log2_p_between_se": _known(curve.between_se[-1] * bits) if reached else None,
        "log2_p_within_se": _known(curve.within_se[-1] * bits) if reached else None,
        "log2_p_upper": float(estimate.log2_p_upper),
        "verdict": estimate.verdict,
        "proof": estimate.proof,
        "warning": "; ".join(curve.warnings),
        "evaluations": estimate.evaluations,
        "levels": len(estimate.levels.curve),
        "runs": len(estimate.runs),
        "particles": particles(estimate),
        "learning_coefficient": None,
        "learning_coefficient_se": None,
        "multiplicity": None,
        "elapsed_s": estimate.elapsed_s,
        "fit": None,
        "learning_coefficient_low": None,
        "learning_coefficient_high": None,
        "log2_p_lower": _known(estimate.log2_p_lower),
        "learning_coefficient_known_low": None,
        "learning_coefficient_known_high": None,
        "learning_coefficient_known": None,
        "n_asymptote": None,
    }


def particles(estimate: VolumeEstimate) -> int:
    """States of every level."""
    return estimate.settings.chains * estimate.settings.steps


def _known(value: float) -> float | None:
    """The value, or None (null in the table) for NaN."""
    return None if math.isnan(value) else float(value)
