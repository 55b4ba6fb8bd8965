"""How a campaign reaches the sampling kernels: tuples of arrays and numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Law(NamedTuple):
    """Law of the weights.

    Fields: `seed`; `code` of `variates.CODES`; `scales` float32[d padded to a multiple of 64],
    the factor of every parameter.
    """

    seed: int
    code: int
    scales: np.ndarray


class Shape(NamedTuple):
    """A fully connected network.

    Fields: `widths` int64[L + 1]; `bias` 0 or 1; `code` of the hidden activation and its `degree`;
    `output_code` of the output unit; `readout_code`, an activation of the output unit that leads
    to the same function as `output_code` at less cost.
    """

    widths: np.ndarray
    bias: int
    code: int
    degree: int
    output_code: int
    readout_code: int


class Points(NamedTuple):
    """Points of the domain, cut into tiles of `TILE` points for float32.

    Fields: `n_points`; `tiles` float32[n_tiles * inputs * TILE] in order (tile, input, point),
    the last tile filled up with copies; `live` float32[n_tiles * TILE], 1 for a point and 0 for a
    copy; `slack` float32[n_tiles * TILE], infinite where an output needs no check (copies, and
    points where it is exactly 0 for every draw), else 0; `step`, the distance between the two
    values of an input if the points are a Boolean cube in counting order, else 0; `exact`
    float64[inputs, n_points].
    """

    n_points: int
    tiles: np.ndarray
    live: np.ndarray
    slack: np.ndarray
    step: float
    exact: np.ndarray


class Readout(NamedTuple):
    """How outputs become a function.

    Fields: `step` of the quantised readout, 0 for signs; `hashed` 0 or 1; `tolerance`: an output
    nearer to a boundary than this times the root mean square is decided in float64.
    """

    step: float
    hashed: int
    tolerance: float
