"""The figures of an opened campaign, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pfmap.display import value_text
from pfmap.errors import DataError, SettingsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pfmap.figures.tables import Tables


class Plots:
    """Every figure that pfmap draws of a campaign, as a method by the name of its file.

    A figure of one panel takes ``ax=``, one of several ``figure=``; further keywords are settings
    of matplotlib as `pfmap.figures.style.drawing` takes them. They hold while the figure is drawn;
    the session's own are left alone.

    Parameters
    ----------
    folder : Path
        The campaign's folder; its tables are read when the first figure is drawn.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Plots({value_text(self._folder)})"

    def __dir__(self) -> list[str]:
        from pfmap.figures.draw import FIGURES

        return [*super().__dir__(), *FIGURES]

    @cached_property
    def _tables(self) -> Tables:
        from pfmap.figures.tables import read_tables

        return read_tables(self._folder)

    @property
    def names(self) -> list[str]:
        """Figures that the tables of this campaign allow."""
        from pfmap.figures.draw import applicable

        return list(applicable(self._tables))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from pfmap.figures.draw import FIGURES

        if name not in FIGURES:
            raise AttributeError(f"no figure {name!r}; there are {', '.join(FIGURES)}")

        def draw(
            *, ax: Axes | None = None, figure: Figure | None = None, **style: Any
        ) -> Figure | Axes:
            return self._draw(name, ax, figure, style)

        draw.__name__ = name
        draw.__doc__ = getattr(FIGURES[name].draw, "func", FIGURES[name].draw).__doc__
        return draw

    def _draw(
        self, name: str, ax: Axes | None, figure: Figure | None, style: dict[str, Any]
    ) -> Figure | Axes:
        """Draw one figure; what was given is returned, else the figure made."""
        from pfmap.figures.draw import FIGURES
        from pfmap.figures.style import drawing

        kind = FIGURES[name]
        wrong, right = ("figure", "ax") if kind.one_panel else ("ax", "figure")
        given = figure if kind.one_panel else ax
        if given is not None:
            panels = "one panel" if kind.one_panel else "several panels"
            raise SettingsError(f"{wrong}: {name} has {panels}", next_step=f"give {right}= instead")
        if not kind.allowed(self._tables):
            raise DataError(
                f"{name}: the tables of {self._folder} hold nothing to draw",
                next_step=f"figures of this campaign: {', '.join(self.names)}",
            )
        place = ax if kind.one_panel else figure
        with drawing(**style):
            drawn = kind.draw(self._tables, **({right: place} if place is not None else {}))
            if place is None:
                drawn.draw_without_rendering()
        return drawn if place is None else place
