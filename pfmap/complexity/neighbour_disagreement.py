"""Disagreement with the nearest points: a measure that needs no order of the points."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .grid import grid_shape
from .registry import FunctionBatch, proxy

_TIE = 1e-9
"""Relative difference of distances that counts as a tie."""

_VALUES_AT_ONCE = 1 << 24

MAX_PAIRS = 1 << 22
"""Pairs of points that may be nearest to one another: thousands of equal points make more."""


@proxy(
    "neighbour_disagreement",
    meaning="Share of points whose nearest other point has another value, the mean over several "
    "that are equally near; does not depend on the order of the points; null on a grid, and among "
    "thousands of equal points.",
    unit="",
    kinds=("labels", "curve"),
    reads_order=False,
)
def neighbour_disagreement(batch: FunctionBatch) -> np.ndarray:
    """1/P Σ_i mean over the nearest j ≠ i of [f(x_j) ≠ f(x_i)], by Euclidean distance.

    The error of the rule that gives every point the label of its nearest neighbour, leaving the
    point itself out (Cover & Hart 1967, IEEE Transactions on Information Theory 13, 21). On the
    Boolean cube it would be the average sensitivity over n.
    """
    if grid_shape(batch.points) is not None:
        return np.full(len(batch), np.nan)
    points = np.ascontiguousarray(batch.points, dtype=np.float64)
    one, other, weight = _nearest_pairs(points.tobytes(), points.shape)
    if not len(one):
        return np.full(len(batch), np.nan)
    values = np.empty(len(batch))
    step = max(1, _VALUES_AT_ONCE // len(one))
    for start in range(0, len(batch), step):
        piece = batch.values[start : start + step]
        values[start : start + step] = (piece[:, one] != piece[:, other]) @ weight
    return values / batch.n_points


@lru_cache(maxsize=2)
def _nearest_pairs(
    points: bytes, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every point with each of its nearest others, and the weight 1/(number of these).

    Empty beyond `MAX_PAIRS`.
    """
    from scipy.spatial import cKDTree

    places = np.frombuffer(points).reshape(shape)
    tree = cKDTree(places)
    nearest = tree.query(places, k=2)[0][:, 1] * (1.0 + _TIE)
    if tree.query_ball_point(places, nearest, return_length=True).sum() > MAX_PAIRS:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    found = tree.query_ball_point(places, nearest)
    others = [np.setdiff1d(near, [i]) for i, near in enumerate(found)]
    sizes = np.array([len(near) for near in others])
    weight = np.repeat(1.0 / sizes, sizes)
    return np.repeat(np.arange(len(places)), sizes), np.concatenate(others), weight
