"""log2 P of classes against every measure, and what the kernel leaves of it: one panel each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pfmap.figures.correlations import NAMES
from pfmap.figures.style import BLUE, VERMILION, new_figure
from pfmap.figures.tables import Tables
from pfmap.store.question_schema import CLASSES

COLUMNS = 4
HEIGHT_IN = 1.45
_OWN_NAMES = {"function_llc": r"exact $\lambda_f$", "log2_p_kernel": r"$\log_2 P$, kernel"}


def draw_measures(tables: Tables, *, figure: Figure | None = None) -> Figure:
    """log2 P of every class against each measure.

    Above each panel ρ, behind the bar ρ given the controls, and the number of classes. Filled:
    counted; open: by splitting. Measures of one value have no panel: they are named below.
    """
    return _draw(tables, "log2_p", r"$\log_2 P$", figure)


def draw_left_over(tables: Tables, *, figure: Figure | None = None) -> Figure:
    """Δ = log2 P - log2 P of the kernel against each measure, as `draw_measures`."""
    return _draw(tables, "delta", r"$\Delta = \log_2 P - \log_2 P_\mathrm{kernel}$", figure)


def has_measures(tables: Tables, response: str = "log2_p") -> bool:
    """Whether any measure has a coefficient with log2 P, or with ``delta``: else no panel is left.

    With too few classes of known P, or with no kernel for ``delta``, there is none.
    """
    return bool(_panels(tables, response))


def _judged(tables: Tables, response: str, *, partial: bool) -> pd.DataFrame:
    """Judged relations of a response by measure, plain or partial."""
    table = tables.relations
    rows = table[(table["x"] == response) & (table["verdict"] != "described")]
    return rows[(rows["given"] != "") == partial].set_index("y")


def _panels(tables: Tables, response: str) -> list[str]:
    """Measures with a coefficient."""
    plain = _judged(tables, response, partial=False)
    return [str(name) for name in plain.index[np.isfinite(plain["estimate"].astype(float))]]


def _draw(tables: Tables, response: str, label: str, figure: Figure | None) -> Figure:
    """The grid of panels of one response."""
    plain, partial = (_judged(tables, response, partial=flag) for flag in (False, True))
    names = _panels(tables, response)
    rows = -(-len(names) // COLUMNS)
    figure, axes = new_figure(
        HEIGHT_IN * rows + 0.3, rows=rows, columns=(1.0,) * COLUMNS, figure=figure
    )
    classes = tables.classes
    values = classes["log2_p"].astype(float)
    if response == "delta":
        values = values - classes["log2_p_kernel"].astype(float)
    counted = (classes["p_from"] == "counts").to_numpy()
    for panel, name in zip(axes, names, strict=False):
        _panel(panel, classes[name].astype(float), values, counted)
        panel.set_title(
            f"{_OWN_NAMES.get(name, NAMES.get(name, name))}\n{_said(plain, partial, name)}",
            fontsize=6.0,
        )
    for panel in axes[len(names) :]:
        panel.set_visible(False)
    figure.supylabel(label, fontsize=7.5)
    figure.supxlabel(_note(tables, names), fontsize=6.5)
    return figure


def _panel(axes: Axes, x: pd.Series, y: pd.Series, counted: np.ndarray) -> None:
    """Classes counted, and those by splitting."""
    if x.nunique() < 12:  # values on top of each other are drawn side by side
        width = 0.5 * float(np.diff(np.sort(x.dropna().unique())).min(initial=np.inf))
        places = y.groupby(x).rank(method="first") % 5
        x = x + 0.18 * width * (places - 2.0)
    axes.plot(x[counted], y[counted], "o", color=BLUE, markersize=1.8, markeredgewidth=0)
    axes.plot(
        x[~counted], y[~counted], "o", color=VERMILION, markersize=1.8, fillstyle="none",
        markeredgewidth=0.4,
    )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _said(plain: pd.DataFrame, partial: pd.DataFrame, name: str) -> str:
    """ρ, the partial ρ and n."""
    text = f"ρ {plain['estimate'][name]:+.2f}"
    held = partial["estimate"].get(name, np.nan)
    if np.isfinite(held):
        text += f" | {held:+.2f}"
    return f"{text}, n = {plain['n'][name]}"


def _note(tables: Tables, names: list[str]) -> str:
    """What the marks and numbers are, and the measures without a panel."""
    contract = {column.name for column in CLASSES}
    left = [name for name in tables.classes.columns if name not in contract and name not in names]
    text = "filled: counted; open: by splitting; ρ | ρ given controls"
    if left:
        text += f"; one value only: {', '.join(NAMES.get(name, name) for name in left)}"
    return text
