"""The frequent functions with a bound on the error of their counts: a Misra-Gries summary.

k counters hold functions with counts. Further counts are added to them; if more than k functions
then have a counter, the (k+1)-th largest count c is subtracted from every one, and those that are
left with nothing are dropped. A function's counter is then too small by at most the sum E of all
the c, and a function without one was drawn at most E times. As every subtraction takes at least
(k+1) c from the sum of the counters,

    E <= (N - sum of the counters) / (k+1) <= N / (k+1).

References
----------
Misra & Gries (1982), Finding repeated elements, Science of Computer Programming 2, 143-152.
Agarwal, Cormode, Huang, Phillips, Wei & Yi (2012), Mergeable summaries, PODS, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from .counts import Counts, add_counts


@dataclass(frozen=True)
class HeavySummary:
    """Counters of the functions drawn most often.

    Attributes
    ----------
    counts : Counts
        Functions with a counter: count <= draws that express it <= count + `error`. The first
        draw is a draw that expresses it; an earlier one may have been forgotten with an earlier
        counter.
    capacity : int
        Most counters, k.
    error : int
        E: no counter is too small by more, and no function without a counter was drawn more often.
    draws : int
        Draws counted, N.
    """

    counts: Counts
    capacity: int
    error: int = 0
    draws: int = 0

    @property
    def error_bound(self) -> int:
        """(N - sum of the counters) / (k+1), rounded down: `error` is never above it."""
        return (self.draws - int(self.counts.counts.sum())) // (self.capacity + 1)

    def with_counts(self, more: Counts) -> Self:
        """The summary after further draws; it depends on how draws are grouped and ordered.

        Examples
        --------
        >>> words = np.array([[1], [2], [3]], dtype=np.uint64)
        >>> more = Counts(words, np.array([9, 2, 3]), np.array([0, 5, 2]))
        >>> summary = HeavySummary(Counts.none(1), capacity=2).with_counts(more)
        >>> summary.counts.words[:, 0].tolist(), summary.counts.counts.tolist(), summary.error
        ([1, 3], [7, 1], 2)
        """
        total = add_counts([self.counts, more])
        draws = self.draws + int(more.counts.sum())
        if total.size <= self.capacity:
            return replace(self, counts=total, draws=draws)
        place = total.size - self.capacity - 1
        least = np.partition(total.counts, place)[place]
        left = total._replace(counts=total.counts - least)
        return replace(
            self,
            counts=left.where(left.counts > 0),
            error=self.error + int(least),
            draws=draws,
        )
