"""Rows of ``llc.parquet`` left out for their verdict, and whether that bends what is left.

A verdict other than ``ok`` is no accident: estimates fail where the geometry is hard, which is
where λ differs. If the rows dropped differ from those kept in rank, in log2 P or in a complexity,
neither the variance split nor a correlation of the rest speaks of the functions that were selected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MAX_SHARE = 0.1
MAX_P_VALUE = 0.01
QUANTITIES = ("rank", "log2_p", "ones", "lz")


@dataclass(frozen=True)
class Dropping:
    """What was left out of one definition.

    Attributes
    ----------
    counts : dict of str to int
        Rows left out, by their verdict.
    n_kept : int
        Rows kept.
    quantity, p_value : str, float
        In which of `QUANTITIES` the rows dropped differ most from those kept, and the two-sided
        Mann-Whitney p-value, multiplied by the number of quantities tested; "" and 1 where nothing
        was dropped or kept.
    """

    counts: dict[str, int]
    n_kept: int
    quantity: str = ""
    p_value: float = 1.0

    @property
    def n_dropped(self) -> int:
        """Rows left out."""
        return sum(self.counts.values())

    @property
    def problem(self) -> str:
        """Why the rows kept cannot stand for all; empty if they can."""
        n_rows = self.n_kept + self.n_dropped
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items())
        words = f"{self.n_dropped} of {n_rows} rows dropped ({verdicts})"
        if self.p_value < MAX_P_VALUE:
            return (
                f"{words}, not at random: they differ in {self.quantity} (p = {self.p_value:.1g})"
            )
        if self.n_dropped > MAX_SHARE * n_rows:
            return f"{words}, more than {MAX_SHARE:.0%}"
        return ""


def examine_dropping(rows: pd.DataFrame, dropped: np.ndarray, counts: dict[str, int]) -> Dropping:
    """Compare the rows dropped from one definition with those kept.

    Parameters
    ----------
    rows : DataFrame
        Rows of one definition, with those of `QUANTITIES` that are known as columns.
    dropped : ndarray of bool
        Which of them were left out.
    counts : dict of str to int
        Those by their verdict.

    Examples
    --------
    >>> rows = pd.DataFrame({"rank": [128] * 40 + [17] * 3})
    >>> dropped = np.arange(43) >= 40
    >>> print(examine_dropping(rows, dropped, {"soft": 3}).problem)
    3 of 43 rows dropped (3 soft), not at random: they differ in rank (p = 1e-10)
    """
    from scipy.stats import mannwhitneyu

    found = []
    for name in QUANTITIES:
        if name not in rows.columns:
            continue
        values = pd.to_numeric(rows[name]).to_numpy(dtype=float)
        known = np.isfinite(values)
        inside, outside = values[known & ~dropped], values[known & dropped]
        if len(inside) and len(outside) and np.ptp(values[known]) > 0.0:
            found.append((float(mannwhitneyu(inside, outside).pvalue), name))
    n_kept = int((~dropped).sum())
    if not found:
        return Dropping(counts, n_kept)
    p_value, quantity = min(found)
    return Dropping(counts, n_kept, quantity, min(1.0, p_value * len(found)))
