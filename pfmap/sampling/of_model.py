"""The prior over functions of any compiled model, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np

from pfmap.arguments import LARGEST, checked_array, checked_integer
from pfmap.campaign import MAX_EXACT_BITS
from pfmap.errors import DataError, SettingsError
from pfmap.kernels.express import OK
from pfmap.kernels.model_draws import express_model
from pfmap.kernels.philox import LANES
from pfmap.kernels.variates import CODES
from pfmap.models.base import CompiledModel
from pfmap.threads import count_threads

from .blocks import Rows, join_rows
from .prior import count_rows

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 16_384
"""Draws of a call."""

GROUP = 4 * LANES
"""Random words come in groups of as many."""


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
    >>> from pfmap.models.random_features import random_features_model
    >>> model = random_features_model(np.array([[-1.0, 1.0], [1.0, 1.0]] * 2), 8)
    >>> sorted(sample_model(model, draws=1000)["function"])
    ['0', '5', 'a', 'f']
    """
    d, n_bits = model.n_parameters, len(model.targets)
    scales = np.array(np.broadcast_to(checked_array("sds", sds), (d,)))
    if not (np.isfinite(scales) & (scales >= 0.0)).all():
        raise SettingsError("sds: must be finite and at least 0")
    if n_bits % 4:
        raise SettingsError(
            f"model: must have a multiple of four outputs over all points, got {n_bits}",
            next_step="give it a domain of a multiple of four points",
        )
    draws = checked_integer("draws", draws, least=1, most=None)
    seed = checked_integer("seed", seed, least=0, most=LARGEST)
    rounded = np.zeros(-(-d // GROUP) * GROUP, dtype=np.float32)
    rounded[:d] = scales * (np.sqrt(3.0) if law == "uniform" else 1.0)
    exact = n_bits <= MAX_EXACT_BITS
    n_words = -(-n_bits // 64) if exact else 2

    def block(start: int) -> Rows:
        count = min(BLOCK, draws - start)
        words = np.empty((count, n_words), dtype=np.uint64)
        status, position = express_model(
            model.family, model.ints, model.floats, seed, CODES[law], rounded, start, not exact,
            words, np.empty(d), np.empty(n_bits),
        )  # fmt: skip
        if status != OK:
            raise DataError(f"draw {start + position}: an output is NaN or infinite")
        ones = np.ones(count, dtype=np.int64)
        return join_rows([(words, ones, np.arange(start, start + count))])

    def parts() -> Iterator[Rows]:
        n_threads = count_threads(threads)
        with ThreadPoolExecutor(n_threads) as pool:
            starts = iter(range(0, draws, BLOCK))
            while batch := list(itertools.islice(starts, 4 * n_threads)):
                yield from pool.map(block, batch)

    return count_rows(parts(), n_bits, exact)
