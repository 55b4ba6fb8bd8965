"""Labels of points that cover neither each other nor the points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from pfmap.figures.style import BLACK, GREY

_GAP_POINTS = 3.0
_REACH_POINTS = (4.0, 9.0, 15.0, 22.0, 30.0, 40.0)
_DIRECTIONS = 16
_SAME_POINTS = 1.5
_SIZE = 6.0


class Mark(NamedTuple):
    """A point to label, in the units of the axes."""

    x: float
    y: float
    text: str


def place_labels(figure: Figure, axes: Axes, marks: list[Mark], avoid: np.ndarray) -> None:
    """Write the text of every mark as near to it as there is room, joined by a line where apart.

    Marks that lie on each other share a label. Places around a mark are tried from near to far,
    right and left first, and the first one is taken that covers no other label, no mark, none of
    `avoid` and not the frame; if there is none, the label stands at the last place tried.

    Parameters
    ----------
    figure : Figure
        Its layout must be what it will be: limits of the axes set, all else drawn.
    axes : Axes
        Panel of the marks.
    marks : list of Mark
        The labels.
    avoid : ndarray, shape (points, 2)
        Further points to keep clear, in the units of the axes.
    """
    figure.canvas.figure.draw_without_rendering()  # of the whole, where it is a part
    scale = figure.dpi / 72.0
    frame = axes.get_window_extent()
    marks = _joined(axes, marks, _SAME_POINTS * scale)
    own = np.array([[mark.x, mark.y] for mark in marks]).reshape(-1, 2)
    points = axes.transData.transform(np.concatenate([own, np.asarray(avoid).reshape(-1, 2)]))
    taken: list[Bbox] = []
    for mark, (x, y) in zip(marks, points, strict=False):
        note = axes.annotate(
            mark.text, (mark.x, mark.y), xytext=(0, 0), textcoords="offset points",
            fontsize=_SIZE, color=BLACK, va="center", ha="center", annotation_clip=False,
        )  # fmt: skip
        size = note.get_window_extent()
        box, apart = _free_place(x, y, size.width, size.height, scale, taken, points, frame)
        taken.append(box)
        offset = ((box.x0 + box.x1) / 2 - x) / scale, ((box.y0 + box.y1) / 2 - y) / scale
        note.set_position(offset)
        if apart:
            near = np.clip([x, y], [box.x0, box.y0], [box.x1, box.y1])
            ends = axes.transData.inverted().transform([[x, y], near])
            axes.plot(*ends.T, color=GREY, linewidth=0.4, zorder=1.5)


def _joined(axes: Axes, marks: list[Mark], nearest: float) -> list[Mark]:
    """Marks that lie on each other, in pixels, as one with all their texts."""
    found: list[Mark] = []
    for mark in marks:
        for index, other in enumerate(found):
            ends = axes.transData.transform([[mark.x, mark.y], [other.x, other.y]])
            if np.hypot(*(ends[0] - ends[1])) < nearest:
                found[index] = other._replace(text=f"{other.text}, {mark.text}")
                break
        else:
            found.append(mark)
    return found


def _free_place(
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float,
    taken: list[Bbox],
    points: np.ndarray,
    frame: Bbox,
) -> tuple[Bbox, bool]:
    """A box of the given size near (x, y), in pixels, and whether it is far enough for a line."""
    # Right, left, then up and down: the order of angles from the horizontal.
    angles = np.arange(_DIRECTIONS) * 2.0 * np.pi / _DIRECTIONS
    angles = angles[np.argsort(np.abs(np.sin(angles)), kind="stable")]
    gap = _GAP_POINTS * scale
    box = Bbox.from_bounds(x, y, width, height)
    for reach in _REACH_POINTS:
        for angle in angles:
            # The nearest edge of the box, not its centre, is `reach` away.
            cx = x + np.cos(angle) * (reach * scale + width / 2)
            cy = y + np.sin(angle) * (reach * scale + height / 2)
            box = Bbox.from_bounds(cx - width / 2, cy - height / 2, width, height)
            wide = box.padded(0.4 * gap)
            clear = not any(wide.overlaps(other) for other in taken)
            inside = (
                box.x0 >= frame.x0 and box.x1 <= frame.x1
                and box.y0 >= frame.y0 and box.y1 <= frame.y1
            )  # fmt: skip
            near = box.padded(0.8 * gap)
            covered = (
                (points[:, 0] > near.x0) & (points[:, 0] < near.x1)
                & (points[:, 1] > near.y0) & (points[:, 1] < near.y1)
            )  # fmt: skip
            if clear and inside and not covered.any():
                return box, reach > _REACH_POINTS[0]
    return box, True
