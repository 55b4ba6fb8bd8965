"""One curve, two ends: λ_eff(n) of the same functions from prior mass to the exact λ_f."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pfmap.figures.correlations import NAMES
from pfmap.figures.style import BLACK, BLUE, GREEN, GREY, SEQUENTIAL, VERMILION, new_figure
from pfmap.figures.tables import Tables

Z_95 = 1.96
_LINES = ("sensitivity", "halfspaces", "lz", "function_llc", "circuit")
_KERNELS = 3
"""Classes whose kernel limit is drawn: the most probable, a middle one, the rarest."""

_APART = 0.062
"""Least distance of two labels at the side, in units of ρ."""

_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def has_question(tables: Tables) -> bool:
    """Whether there are curves of classes and relations of them."""
    return not tables.free_energy.empty and not tables.relations.empty


def draw_question(tables: Tables, *, figure: Figure | None = None) -> Figure:
    """λ_eff(n) of every class with the exact λ_f beside it, and how ranks agree at every n.

    a: colour is log2 P; bands are 1.96 standard errors; dashed the limit of infinite width; at the
    side, at n = ∞, the exact λ_f. b: Spearman coefficients with 95 % bands, and at the side, grey,
    those of log2 P with complexities. The dotted line is the n at which verdicts are passed.
    """
    figure, axes = new_figure(3.3, columns=(1.0, 0.16, 1.0), right=0.975, figure=figure)
    first, side, second = axes
    _curves(figure, first, side, tables)
    _agreement(second, tables)
    for panel, letter in ((first, "a"), (second, "b")):
        panel.set_title(letter, loc="left", fontweight="bold", fontsize=9.0)
        panel.set_xlabel("samples $n$")
    return figure


def _curves(figure: Figure, axes: Axes, side: Axes, tables: Tables) -> None:
    """Panel a."""
    classes = tables.classes.set_index("function")
    energies = tables.free_energy
    known = classes.loc[classes["chosen"], "log2_p"].astype(float)
    settled = known.dropna()
    scale = Normalize()
    scale.autoscale(settled.to_numpy())
    colours = matplotlib.colormaps[SEQUENTIAL]
    order = known.sort_values(ascending=False, na_position="last").index
    for key in order:
        rows = energies[energies["function"] == key]
        n, value, error = (
            rows[name].to_numpy(dtype=float) for name in ("n", "lambda_eff", "lambda_eff_se")
        )
        colour = GREY if np.isnan(known[key]) else colours(scale(known[key]))
        low = np.maximum(value - Z_95 * error, 0.05 * value)
        axes.fill_between(n, low, value + Z_95 * error, color=colour, alpha=0.08, linewidth=0)
        axes.plot(n, value, color=colour, linewidth=0.7)
    top = 1.6 * float(energies["lambda_eff"].max())
    bottom = 0.7 * float(min(energies["lambda_eff"].min(), 0.5))
    ranked = settled.sort_values(ascending=False).index
    for place in np.unique(np.linspace(0, len(ranked) - 1, min(_KERNELS, len(ranked))).astype(int)):
        rows = energies[energies["function"] == ranked[place]]
        limit = rows["lambda_eff_kernel"].to_numpy(dtype=float)
        label = "limit of infinite width" if place == 0 else None
        axes.plot(rows["n"], np.where(limit < top, limit, np.nan), "--", color=BLACK,
                  linewidth=0.8, label=label)  # fmt: skip
    half = tables.campaign.n_points / 2.0
    axes.axhline(half, color=GREY, linestyle=":", linewidth=0.8, label=f"points/2 = {half:g}")
    axes.set_xscale("log")
    axes.set_xlim(energies["n"].min(), energies["n"].max())
    axes.set_ylabel(r"$\lambda_{\mathrm{eff}}(n) = dF_f/d\,\ln n$")
    if known.isna().any():
        axes.plot([], [], color=GREY, label="P not settled")
    axes.legend(loc="lower right", borderpad=0.2)
    _exact(side, classes, colours, scale)
    for panel in (axes, side):
        panel.set_yscale("log")
        panel.set_ylim(bottom, top)
        panel.yaxis.set_major_locator(FixedLocator([t for t in _TICKS if bottom <= t <= top]))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_locator(NullLocator())
    side.axhline(half, color=GREY, linestyle=":", linewidth=0.8)
    if settled.empty:
        return
    bar = figure.colorbar(
        ScalarMappable(scale, SEQUENTIAL), ax=[axes, side], location="top", shrink=0.5, aspect=30
    )
    bar.set_label(r"$\log_2 P(f)$")
    bar.outline.set_visible(False)


def _exact(
    axes: Axes, classes: pd.DataFrame, colours: matplotlib.colors.Colormap, scale: Normalize
) -> None:
    """The exact λ_f of the classes with a curve, side by side where they are equal."""
    rows = classes[classes["chosen"] & classes["function_llc"].notna()].sort_values("log2_p")
    place = rows.groupby("function_llc").cumcount().to_numpy(dtype=float)
    count = rows.groupby("function_llc")["function_llc"].transform("size").to_numpy(dtype=float)
    x = (place + 0.5) / count if len(rows) else place
    face = [
        GREY if np.isnan(value) else colours(scale(value))
        for value in rows["log2_p"].to_numpy(dtype=float)
    ]
    axes.scatter(x, rows["function_llc"], c=face, s=5.0, linewidths=0)
    axes.set_xlim(-0.25, 1.25)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelleft=False)
    axes.set_xlabel("$n = \\infty$:\nexact $\\lambda_f$")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _agreement(axes: Axes, tables: Tables) -> None:
    """Panel b."""
    table = tables.relations
    described = table[table["verdict"] == "described"]
    slope = r"$\lambda_{\mathrm{eff}}$"
    shown = (
        ("free_energy", "log2_p", False, -1.0, BLUE, r"$F$ with $-\log_2 P$"),
        ("lambda_eff", "log2_p", False, -1.0, VERMILION, rf"{slope} with $-\log_2 P$"),
        ("lambda_eff", "log2_p", True, -1.0, GREY, "the same given controls"),
        ("lambda_eff", "function_llc", False, 1.0, GREEN, rf"{slope} with exact $\lambda_f$"),
    )
    for x, y, partial, sign, colour, label in shown:
        mine = (described["x"] == x) & (described["y"] == y)
        rows = described[mine & ((described["given"] != "") == partial)].sort_values("at_n")
        if rows["estimate"].isna().all():
            continue
        n, value, low, high = (
            rows[name].to_numpy(dtype=float) for name in ("at_n", "estimate", "low", "high")
        )
        axes.fill_between(n, sign * low, sign * high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(n, sign * value, color=colour, linewidth=1.2, label=label)
    axes.axhline(0.0, color=BLACK, linewidth=0.5)
    judged = table[(table["verdict"] != "described") & table["at_n"].notna()]
    if len(judged):
        axes.axvline(float(judged["at_n"].iloc[0]), color=BLACK, linestyle=":", linewidth=0.7)
    axes.set_xscale("log")
    axes.set_xlim(tables.free_energy["n"].min(), tables.free_energy["n"].max())
    axes.set_ylim(-0.55, 1.04)
    axes.set_ylabel("rank agreement ρ, 95 % bands")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0.07, 1.0), ncols=2, borderpad=0.2, columnspacing=1.0
        )
    _side_labels(axes, table)


def _side_labels(axes: Axes, table: pd.DataFrame) -> None:
    """|ρ| of log2 P with complexities as grey lines, their names at the side, apart."""
    plain = table[(table["x"] == "log2_p") & (table["given"] == "")].set_index("y")["estimate"]
    values = plain.reindex([name for name in _LINES if name in plain.index]).abs().dropna()
    values = values.sort_values()
    places = values.to_numpy(dtype=float).copy()
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + _APART)
    places -= max(0.0, places[-1] - 1.02) if len(places) else 0.0
    for index in range(len(places) - 2, -1, -1):
        places[index] = min(places[index], places[index + 1] - _APART)
    for (name, value), place in zip(values.items(), places, strict=True):
        axes.axhline(value, color=GREY, linewidth=0.4, zorder=0.5)
        text = {"function_llc": r"exact $\lambda_f$"}
        axes.annotate(
            f"{text.get(str(name), NAMES.get(str(name), str(name)))} {value:.2f}",
            (1.0, value), xycoords=("axes fraction", "data"),
            xytext=(1.03, place), textcoords=("axes fraction", "data"), fontsize=6.0, va="center",
            annotation_clip=False, color=BLACK,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": GREY},
        )  # fmt: skip
