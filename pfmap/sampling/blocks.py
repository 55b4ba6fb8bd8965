"""Blocks of draws: computed in pieces by a pool of threads, counted one table a block.

The kernels release Python's lock, so ordinary threads share the work: pieces are handed out as
threads fall idle, nothing is compiled twice, and no threading layer has to survive a fork.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pfmap.display import Displayed
from pfmap.kernels.express import TO_WORDS
from pfmap.kernels.tally import tally
from pfmap.profiling import timed
from pfmap.threads import count_threads

from .base_plan import SamplingPlan, run_express

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Words, counts and first draws of functions, as a `BlockTally` has them, words in any order."""


@dataclass(frozen=True, repr=False)
class BlockTally(Displayed):
    """The functions of one block.

    Attributes
    ----------
    block_index, start, draws : int
        The block, its first draw, and how many it has.
    words : ndarray of uint64, shape (functions, n_words)
        Names of the functions found, in ascending order.
    counts : ndarray of int64, shape (functions,)
        Draws of the block that express each.
    first_draws : ndarray of int64, shape (functions,)
        Smallest index of such a draw.
    """

    block_index: int
    start: int
    draws: int
    words: np.ndarray
    counts: np.ndarray
    first_draws: np.ndarray


def sort_words(words: np.ndarray) -> np.ndarray:
    """Order of rows of words, ascending; sorting by the first word settles most of it."""
    order = np.argsort(words[:, 0])
    first = words[order, 0]
    same = first[1:] == first[:-1]
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    rows = order[tied]
    order[tied] = rows[np.lexsort(words[rows].T[::-1])]
    return order


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Rows of equal words joined, in ascending order: sum of counts, smallest first draw."""
    words, counts, first_draws = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not len(words):
        return words, counts, first_draws
    order = sort_words(words)
    words = words[order]
    starts = np.flatnonzero(np.r_[True, (words[1:] != words[:-1]).any(axis=1)])
    return (
        words[starts],
        np.add.reduceat(counts[order], starts),
        np.minimum.reduceat(first_draws[order], starts),
    )


class _Block:
    """A block in work: pieces fill `words`; whoever ends the last piece counts them."""

    def __init__(self, plan: SamplingPlan, block_index: int) -> None:
        self.plan = plan
        self.block_index = block_index
        self.start, stop = plan.block_range(block_index)
        self.draws = stop - self.start
        self.words = np.empty((self.draws, plan.n_words), dtype=np.uint64)
        self.offsets = range(0, self.draws, plan.piece_draws)
        self._open = len(self.offsets)
        self._lock = threading.Lock()

    def fill(self, offset: int) -> np.ndarray | None:
        """Compute the piece at `offset`; the last to finish returns all words of the block."""
        piece = self.words[offset : offset + self.plan.piece_draws]
        first = self.start + offset
        draws = np.arange(first, first + len(piece), dtype=np.int64)
        run_express(self.plan, TO_WORDS, draws, piece, np.zeros((0, 0)))
        with self._lock:
            self._open -= 1
            return self.words if self._open == 0 else None

    def work(self, offset: int) -> BlockTally | None:
        """Compute a piece, and count the block after the last."""
        words = self.fill(offset)
        if words is None:
            return None
        with timed("tally"):
            first, counts = tally(words)
        names = words[first]
        with timed("sorting"):
            order = sort_words(names)
        return BlockTally(
            self.block_index,
            self.start,
            self.draws,
            names[order],
            counts[order],
            self.start + first[order],
        )


def sample_blocks(
    plan: SamplingPlan, block_indices: Iterable[int], *, threads: int | None = None
) -> Iterator[BlockTally]:
    """Draw and count blocks.

    Parameters
    ----------
    plan : SamplingPlan
        The campaign, from `plan_sampling`.
    block_indices : iterable of int
        Blocks to compute.
    threads : int, optional
        Threads that share the work; None means every CPU. Results do not depend on it.

    Yields
    ------
    BlockTally
        In the order of `block_indices`. Memory: one array of words for each of at most
        ``threads + 1`` blocks in work.

    Raises
    ------
    DataError
        If an output is NaN or infinite, naming the draw.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> campaign = campaign_from_mapping({"draws": 600, "block_draws": 256})
    >>> plan = plan_sampling(campaign)
    >>> [(t.start, t.draws, int(t.counts.sum())) for t in sample_blocks(plan, [2, 0])]
    [(512, 88, 88), (0, 256, 256)]
    """
    threads = count_threads(threads)
    queue = iter(block_indices)
    with ThreadPoolExecutor(threads) as pool:
        in_hand: deque[list[Future[BlockTally | None]]] = deque()

        def take() -> None:
            for block_index in queue:
                block = _Block(plan, block_index)
                in_hand.append([pool.submit(block.work, offset) for offset in block.offsets])
                return

        try:
            for _ in range(threads + 1):
                take()
            while in_hand:
                results = [future.result() for future in in_hand.popleft()]
                take()
                yield next(result for result in results if result is not None)
        finally:
            pool.shutdown(cancel_futures=True)
