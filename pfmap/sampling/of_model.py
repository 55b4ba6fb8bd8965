"""The prior over functions of any compiled model, in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from pfmap.arguments import LARGEST, checked_array, checked_integer
from pfmap.errors import SettingsError
from pfmap.kernels.layout import Readout
from pfmap.models.base import CompiledModel
from pfmap.settings.campaign import MAX_EXACT_BITS

from .base_plan import padded_law
from .blocks import sample_blocks
from .model_plan import ModelPlan
from .prior import count_rows

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 65_536
"""Draws that are counted together."""


def sample_model(
    model: CompiledModel,
    sds: np.ndarray | float = 1.0,
    *,
    draws: int,
    seed: int = 1,
    law: Literal["normal", "uniform"] = "normal",
    threads: int | None = None,
) -> pd.DataFrame:
    """Draw parameters of a model and count the functions that they express, by signs of outputs.

    Draw i depends on (seed, i) alone, as in campaigns: a program of a dense network draws the
    weights that a campaign with its seed and standard deviations does.

    Parameters
    ----------
    model : CompiledModel
        Such as a program's; targets are not used.
    sds : float or ndarray, shape (d,), default 1.0
        Standard deviations of the prior (`ProgramModel.standard_deviations`).
    draws : int
        Number of draws.
    seed : int, default 1
    law : {"normal", "uniform"}, default "normal"
    threads : int, optional
        None means every CPU; the table does not depend on it.

    Returns
    -------
    pandas.DataFrame
        Columns ``function`` (key: the tables of the outputs one after another, output > 0 strictly
        being 1), ``count`` and ``first_draw``; most frequent first, then by key.

    Raises
    ------
    SettingsError
        If an argument is out of range.
    DataError
        If an output is NaN or infinite, naming the draw.

    Examples
    --------
    >>> from pfmap.models.families.random_features import random_features_model
    >>> model = random_features_model(np.array([[-1.0, 1.0], [1.0, 1.0]] * 2), 8)
    >>> sorted(sample_model(model, draws=1000)["function"])
    ['0', '5', 'a', 'f']
    """
    n_bits = len(model.targets)
    if n_bits % 4:
        raise SettingsError(
            f"model: must have a multiple of four outputs over all points, got {n_bits}",
            next_step="give it a domain of a multiple of four points",
        )
    scales = np.array(np.broadcast_to(checked_array("sds", sds), (model.n_parameters,)))
    exact = n_bits <= MAX_EXACT_BITS
    plan = ModelPlan(
        draws=checked_integer("draws", draws, least=1, most=None),
        block_draws=BLOCK,
        n_parameters=model.n_parameters,
        n_points=n_bits,
        n_words=-(-n_bits // 64) if exact else 2,
        law=padded_law(scales, law, checked_integer("seed", seed, least=0, most=LARGEST)),
        readout=Readout(step=0.0, hashed=int(not exact), tolerance=math.inf),
        model=model,
    )
    tallies = sample_blocks(plan, range(plan.n_blocks), threads=threads)
    parts = ((tally.words, tally.counts, tally.first_draws) for tally in tallies)
    return count_rows(parts, n_bits, exact)
