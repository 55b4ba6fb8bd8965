"""Pieces of work on several threads; the kernels release Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def run_pieces(
    work: Callable[[Piece], Result],
    pieces: Sequence[Piece],
    threads: int,
    finished: Callable[[Piece, Result], None],
) -> None:
    """Do `work` on every piece.

    Parameters
    ----------
    work : callable
        From a piece to its result; runs on any thread.
    pieces : sequence
        The pieces.
    threads : int
        Threads, at least one.
    finished : callable
        Called on this thread with each piece and its result, in the order they finish. If it
        raises, pieces not yet begun are dropped.

    Examples
    --------
    >>> squares = {}
    >>> run_pieces(lambda n: n * n, [1, 2, 3], 2, squares.__setitem__)
    >>> sorted(squares.items())
    [(1, 1), (2, 4), (3, 9)]
    """
    with ThreadPoolExecutor(threads) as pool:
        futures = {pool.submit(work, piece): piece for piece in pieces}
        try:
            for future in as_completed(futures):
                finished(futures[future], future.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
