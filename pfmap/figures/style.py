"""How every figure looks, and how it is written: the same bytes from the same tables.

Figures are made for one column of a journal, 3.4 inches wide, and use no global state of
matplotlib's pyplot, so that they need no display and can be drawn beside a user's own plots. Each
can also be drawn into a panel, or a figure, that is the user's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pfmap.errors import SettingsError
from pfmap.store.atomic import write_bytes

LEGEND_SHARE = 0.96
"""Share of the figure's width that a legend may take."""

WIDTH_IN = 3.4
PNG_DPI = 300

# Okabe & Ito's palette: told apart with every kind of colour vision.
BLACK = "#000000"
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
GREY = "#7F7F7F"
SEQUENTIAL = "viridis"
DIVERGING = "PuOr"

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 7.0,
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.0,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fancybox": False,
    "legend.handlelength": 1.8,
    "legend.labelspacing": 0.35,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.5,
    # Identifiers inside an SVG come from this salt instead of a random number.
    "svg.hashsalt": "pfmap",
    "svg.fonttype": "path",
}


class DrawnFigure(Figure):
    """A figure of pfmap's own, which a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_png(buffer)
        return buffer.getvalue()


@contextmanager
def drawing(**style: Any) -> Iterator[None]:
    """Draw with pfmap's style, whatever the user's own settings of matplotlib are.

    Parameters
    ----------
    **style
        What is to look otherwise: settings of matplotlib's ``rcParams``, a dot in their names
        written as an underscore, such as ``font_size=9``.

    Raises
    ------
    SettingsError
        If there is no such setting, or it cannot have that value.

    Examples
    --------
    >>> with drawing(font_size=9):
    ...     matplotlib.rcParams["font.size"]
    9.0
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for key, value in {**_STYLE, **_style_of(style)}.items():
            try:
                matplotlib.rcParams[key] = value  # type: ignore[index]
            except ValueError as error:
                raise SettingsError(f"style: {key}: {error}") from error
        yield


def _style_of(style: dict[str, Any]) -> dict[str, Any]:
    """Settings by matplotlib's names; either spelling is accepted."""
    # A backend is no style, and would stay.
    keys = [str(key) for key in matplotlib.rcParams if not key.startswith("backend")]
    names = {key.replace(".", "_"): key for key in keys}
    found: dict[str, Any] = {}
    for name, value in style.items():
        key = names.get(name.replace(".", "_"))
        if key is None:
            raise SettingsError(
                f"style: no such setting of matplotlib, got {name!r}",
                next_step="such as font_size=9 or lines_linewidth=1.5",
            )
        found[key] = value
    return found


def new_figure(
    height_in: float,
    *,
    rows: int = 1,
    share_x: bool = False,
    columns: tuple[float, ...] = (1.0,),
    right: float = 1.0,
    figure: Figure | SubFigure | None = None,
) -> tuple[Figure, list[Axes]]:
    """An empty figure of one column's width with `rows` panels below each other.

    With several `columns` it is two columns of a journal wide, and the panels come row by row.

    Parameters
    ----------
    height_in : float
        Height in inches.
    rows : int, default 1
        Number of panels.
    share_x : bool, default False
        Whether all panels have one horizontal axis.
    columns : tuple of float, default (1.0,)
        Relative widths of the panels of a row.
    right : float, default 1.0
        Share of the width that panels take; names at the side stand in the rest.
    figure : Figure or SubFigure, optional
        Where to put the panels, of any size and layout; None makes a figure.
    """
    if figure is None:
        layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, rect=(0.0, 0.0, right, 1.0))
        width = WIDTH_IN if len(columns) == 1 else 2.0 * WIDTH_IN
        figure = DrawnFigure(figsize=(width, height_in), layout=layout)
    panels = figure.subplots(
        rows, len(columns), sharex=share_x, squeeze=False, width_ratios=columns
    )
    return cast(Figure, figure), list(panels.flat)


def one_panel(height_in: float, ax: Axes | None) -> tuple[Figure, Axes]:
    """A figure with one panel, or the panel that was given and its figure."""
    if ax is not None:
        return cast(Figure, ax.get_figure()), ax
    figure, (axes,) = new_figure(height_in)
    return figure, axes


def legend_above(figure: Figure, axes: Axes, *, columns: int) -> None:
    """The legend of `axes` above all panels, where it crosses no line and no cell.

    In as many columns, up to `columns`, as the figure is wide enough for. In a figure of the user's
    it stands above `axes` alone.
    """
    handles, labels = axes.get_legend_handles_labels()
    own = isinstance(figure, DrawnFigure)
    for n_columns in range(columns, 0, -1):
        shape: dict[str, Any] = {"ncols": n_columns, "columnspacing": 1.2, "borderpad": 0.1}
        if own:
            legend = figure.legend(handles, labels, loc="outside upper center", **shape)
        else:
            place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
            legend = axes.legend(handles, labels, **place, **shape)
        room = (figure if own else axes).bbox.width
        if n_columns == 1 or legend.get_window_extent().width <= LEGEND_SHARE * room:
            return
        legend.remove()


def write_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.png`` and ``name.svg``, whole or not at all; the same bytes every time.

    Returns
    -------
    list of Path
    """
    # Laid out once; both files then show the same figure. The canvases are asked directly, since
    # `savefig` would draw the whole figure once more before each file.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    figure.set_dpi(PNG_DPI)
    png, svg = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None, "Creator": None})
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path, buffer in zip(paths, (png, svg), strict=True):
        write_bytes(path, buffer.getvalue())
    return paths
