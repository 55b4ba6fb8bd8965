"""P(K): how the prior's probability is spread over complexity."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pfmap.analysis.distribution import complexity_distribution
from pfmap.figures.style import BLUE, one_panel
from pfmap.figures.tables import Tables


def draw_spread(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """P(K) with 95 % binomial intervals, K = ``lz``."""
    spread = complexity_distribution(
        tables.levels,
        n_draws=tables.campaign.draws,
        multiples=tables.levels["functions"].to_numpy(dtype=np.int64),
    )
    figure, axes = one_panel(2.2, ax)
    p = spread["p"].to_numpy()
    errors = np.stack([p - spread["low"].to_numpy(), spread["high"].to_numpy() - p])
    axes.errorbar(
        spread["lz"],
        p,
        yerr=errors,
        fmt=".-",
        color=BLUE,
        markersize=3.5,
        linewidth=0.6,
        elinewidth=0.8,
        capsize=1.2,
        capthick=0.6,
    )
    axes.set_yscale("log")
    axes.set_xlabel("Lempel-Ziv complexity K = lz (bits)")
    axes.set_ylabel("P(K), share of draws (95 %)")
    return figure
