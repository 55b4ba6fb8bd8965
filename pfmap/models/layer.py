"""Numbers of the parameters of a layer, and of what reads its rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """Numbers of the parameters of an affine step.

    Fields: `weights`, shape (units, K), or (G, units, K) where each of G sets has its own; `bias`,
    shape (units,) or (G, units), or None. Rows that are parameters themselves are a bias, K = 0.
    """

    weights: np.ndarray
    bias: np.ndarray | None

    @property
    def biases(self) -> np.ndarray:
        """The bias; ValueError where there is none."""
        if self.bias is None:
            raise ValueError("this layer has no bias")
        return self.bias

    @property
    def entering(self) -> np.ndarray:
        """Weights and, as a last column, the bias if there is one: shape (units, K or K + 1)."""
        if self.bias is None:
            return self.weights
        return np.concatenate([self.weights, self.bias[..., None]], axis=-1)


class Reader(NamedTuple):
    """What reads rows, by the numbers of its parameters.

    Fields: `matrices`, the first of which takes the rows, and each other what the one before gives;
    shape (n, k), or (n, k, w) where the same rows come at w places of a window; and the `bias` that
    is added at the end, shape (n,), or None.
    """

    matrices: tuple[np.ndarray, ...]
    bias: np.ndarray | None
