"""Single draws brought back by their index: weights, outputs, function."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pfmap.errors import SettingsError
from pfmap.functions.keys import bits_from_words
from pfmap.kernels.express import TO_FUNCTIONS, TO_OUTPUTS, TO_WORDS, weights_of
from pfmap.kernels.tally import match
from pfmap.threads import count_threads

from .base_plan import SamplingPlan, run_express


def _check_draws(draws: np.ndarray) -> np.ndarray:
    try:
        draws = np.ascontiguousarray(draws, dtype=np.int64)
    except (OverflowError, TypeError, ValueError) as error:
        raise SettingsError(f"draws: must be a list of indices, got {draws!r:.40}") from error
    if draws.ndim != 1:
        raise SettingsError(f"draws: must be a list of indices, got shape {draws.shape}")
    if len(draws) and draws.min() < 0:
        raise SettingsError(f"draws: indices start at 0, got {draws.min()}")
    return draws


def _run_in_pieces(
    plan: SamplingPlan,
    task: int,
    draws: np.ndarray,
    words: np.ndarray,
    values: np.ndarray,
    threads: int | None,
) -> None:
    """One task over a list of draws, every thread at work on a piece."""

    def work(start: int) -> None:
        part = slice(start, start + plan.piece_draws)
        run_express(plan, task, draws[part], words[part], values[part])

    with ThreadPoolExecutor(count_threads(threads)) as pool:
        for future in [pool.submit(work, s) for s in range(0, len(draws), plan.piece_draws)]:
            future.result()


def weights_of_draws(plan: SamplingPlan, draws: np.ndarray) -> np.ndarray:
    """Weights of the given draws.

    Parameters
    ----------
    plan : SamplingPlan
        The campaign, from `plan_sampling`.
    draws : ndarray of int64, shape (k,)
        Indices of draws; they may lie beyond the campaign's total.

    Returns
    -------
    ndarray of float32, shape (k, d)
        In the order of `pfmap.models.network.unflatten`.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    >>> weights_of_draws(plan, np.array([5, 6])).shape
    (2, 21)
    """
    draws = _check_draws(draws)
    weights = np.empty((len(draws), plan.n_parameters), dtype=np.float32)
    weights_of(plan.law, draws, weights)
    return weights


def outputs_of_draws(
    plan: SamplingPlan, draws: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Outputs of the given draws on every point, in float64 and in a fixed order.

    Parameters
    ----------
    plan, draws
        As in `weights_of_draws`.
    threads : int, optional
        Threads at work; None means every CPU. The result is the same for every number.

    Returns
    -------
    ndarray of float64, shape (k, n_points)

    Raises
    ------
    DataError
        If an output is NaN or infinite, naming the draw.
    """
    draws = _check_draws(draws)
    outputs = np.empty((len(draws), plan.n_points))
    _run_in_pieces(
        plan, TO_OUTPUTS, draws, np.zeros((len(draws), 0), dtype=np.uint64), outputs, threads
    )
    return outputs


def words_of_draws(
    plan: SamplingPlan, draws: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Names of the functions that the given draws express: exactly what is tallied.

    Parameters
    ----------
    plan, draws
        As in `weights_of_draws`.
    threads : int, optional
        Threads at work; None means every CPU. The result is the same for every number.

    Returns
    -------
    ndarray of uint64, shape (k, n_words)
        Bits of the function, the first point on top of word 0, or the two words of its hash.

    Raises
    ------
    DataError
        If an output is NaN or infinite, naming the draw.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    >>> draws = np.arange(4)
    >>> bits = bits_of_draws(plan, draws)
    >>> bool((np.packbits(bits, axis=1)[:, 0] == words_of_draws(plan, draws)[:, 0] >> 56).all())
    True
    """
    draws = _check_draws(draws)
    words = np.empty((len(draws), plan.n_words), dtype=np.uint64)
    _run_in_pieces(plan, TO_WORDS, draws, words, np.zeros((len(draws), 0)), threads)
    return words


def bits_of_draws(
    plan: SamplingPlan, draws: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Bits of the functions that the given draws express, however many points there are.

    Parameters
    ----------
    plan, draws
        As in `weights_of_draws`; the readout must be ``sign``.
    threads : int, optional
        Threads at work; None means every CPU. The result is the same for every number.

    Returns
    -------
    ndarray of uint8, shape (k, n_points)

    Raises
    ------
    SettingsError
        If the readout is quantised.
    DataError
        If an output is NaN or infinite, naming the draw.
    """
    if plan.readout.step > 0.0:
        raise SettingsError("readout: must be sign, got quantised", next_step="symbols_of_draws")
    draws = _check_draws(draws)
    packed = np.empty((len(draws), -(-plan.n_points // 64)), dtype=np.uint64)
    _run_in_pieces(plan, TO_FUNCTIONS, draws, packed, np.zeros((len(draws), 0)), threads)
    return bits_from_words(packed, plan.n_points)


def symbols_of_draws(
    plan: SamplingPlan, draws: np.ndarray, *, threads: int | None = None
) -> np.ndarray:
    """Symbols floor(g / step + 1/2) of the quantised functions that the given draws express.

    Parameters
    ----------
    plan, draws
        As in `weights_of_draws`; the readout must be ``quantised``.
    threads : int, optional
        Threads at work; None means every CPU. The result is the same for every number.

    Returns
    -------
    ndarray of int64, shape (k, n_points)

    Raises
    ------
    SettingsError
        If the readout is ``sign``.
    DataError
        If an output is NaN, infinite, or 2^52 steps or more from 0, naming the draw.
    """
    if plan.readout.step == 0.0:
        raise SettingsError("readout: must be quantised, got sign", next_step="bits_of_draws")
    draws = _check_draws(draws)
    symbols = np.empty((len(draws), plan.n_points), dtype=np.uint64)
    _run_in_pieces(plan, TO_FUNCTIONS, draws, symbols, np.zeros((len(draws), 0)), threads)
    return symbols.view(np.int64)


def find_draws(
    plan: SamplingPlan,
    words: np.ndarray,
    block_indices: Iterable[int],
    *,
    limit: int,
    threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """First draws of given functions inside given blocks, by drawing the blocks again.

    Parameters
    ----------
    plan : SamplingPlan
        The campaign, from `plan_sampling`.
    words : ndarray of uint64, shape (functions, n_words)
        Names of the functions, each once.
    block_indices : iterable of int
        Blocks to look in; they are searched in ascending order, and no further than needed.
    limit : int
        Draws wanted of each function.
    threads : int, optional
        Threads at work; None means every CPU. The result is the same for every number.

    Returns
    -------
    function_index, draw : ndarray of int64, shape (r,)
        Row of `words` and index of a draw that expresses it, in ascending order of draws; at most
        `limit` rows a function, fewer if the blocks hold fewer.

    Raises
    ------
    SettingsError
        If `limit` is below 1 or a function is given twice.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    >>> zero = np.zeros((1, 1), dtype=np.uint64)
    >>> function_index, draw = find_draws(plan, zero, [0], limit=2)
    >>> function_index.tolist(), bits_of_draws(plan, draw).any()
    ([0, 0], np.False_)
    """
    words = np.ascontiguousarray(words, dtype=np.uint64).reshape(-1, plan.n_words)
    if limit < 1:
        raise SettingsError(f"limit: must be at least 1, got {limit}")
    if len(np.unique(words, axis=0)) < len(words):
        raise SettingsError("words: each function must be given once, got one twice")
    missing = np.full(len(words), limit, dtype=np.int64)
    indices = [np.zeros(0, dtype=np.int64)]
    found = [np.zeros(0, dtype=np.int64)]
    for block_index in sorted(set(block_indices)):
        if not missing.any():
            break
        draws = np.arange(*plan.block_range(block_index), dtype=np.int64)
        index = match(words_of_draws(plan, draws, threads=threads), words)
        draws, index = draws[index >= 0], index[index >= 0]
        # Rank of a draw among those of its function, to keep the first that are missing.
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        rank = np.empty(len(index), dtype=np.int64)
        rank[order] = np.arange(len(index)) - np.searchsorted(ordered, ordered)
        kept = rank < missing[index]
        indices.append(index[kept])
        found.append(draws[kept])
        missing -= np.bincount(index[kept], minlength=len(words))
    return np.concatenate(indices), np.concatenate(found)
