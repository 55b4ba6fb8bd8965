"""Self-attention over the positions of an input: linear or softmax, one block or more."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from pfmap.arguments import checked_integer
from pfmap.models.families._family import Fact, Family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel


def attention_model(
    points: np.ndarray,
    width: int,
    *,
    blocks: int = 1,
    kind: Literal["softmax", "linear"] = "softmax",
    causal: bool = False,
    outputs: int = 1,
) -> ProgramModel:
    """h_t = e x_t + p_t, then blocks of h_t + O Σ_s A_ts V h_s, then a linear readout of the mean.

    A_ts = softmax_s(q_t · k_s / sqrt(width)), or q_t · k_s / (sqrt(width) T) without the softmax,
    q = Q h and k = K h. One head, no biases inside (Vaswani and others 2017, arXiv 1706.03762,
    eq. 1). Q and K enter by Qᵀ K alone and O and V by O V, so that d²-dimensional groups of
    changes of basis leave the function as it is.

    Parameters
    ----------
    points : ndarray, shape (P, T)
        The domain: one number at each of T positions.
    width : int
        Numbers of a position's vector.
    blocks : int, default 1
        Number of blocks.
    kind : {"softmax", "linear"}
        Whether weights are normalised by a softmax.
    causal : bool, default False
        Whether position t sees positions up to t alone.
    outputs : int, default 1

    Returns
    -------
    ProgramModel
        With targets 0. Parameters in the order: e, p (position by position), for each block Q, K,
        V, O, then the readout and its bias.

    Raises
    ------
    SettingsError
        If a number is below 1, or the points are not finite.

    Examples
    --------
    >>> model = attention_model(np.array([[-1.0, 1.0], [1.0, 1.0]]), 3)
    >>> model.n_parameters  # 3 + 2·3 + 4·9 + 3 + 1
    49
    """
    width = checked_integer("width", width, least=1)
    program = Program(points)
    length = len(program.inputs)
    embedded = program.affine(program.inputs[:, None], width, bias=False)
    places = program.free(length * width).reshape(length, width)
    path = program.sums(_pairs(embedded, places)).reshape(length, width)
    for _ in range(checked_integer("blocks", blocks, least=1)):
        query, key, value = (program.affine(path, width, bias=False) for _ in range(3))
        mixed = _mixed(program, query, key, value, kind, causal)
        given = program.affine(mixed, width, bias=False)
        path = program.sums(_pairs(path, given)).reshape(length, width)
    mean = program.sums(path.T, scale=1.0 / length)
    return program.model(program.affine(mean, checked_integer("outputs", outputs, least=1)))


def _pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two arrays of rows side by side, shape (rows, 2)."""
    return np.stack([left.ravel(), right.ravel()], axis=1)


def _mixed(
    program: Program,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    kind: str,
    causal: bool,
) -> np.ndarray:
    """Σ_s A_ts v_s at every position t, shape (T, width)."""
    length, width = query.shape
    seen = [range(t + 1 if causal else length) for t in range(length)]
    scale = 1.0 / math.sqrt(width)
    if kind == "linear":
        scale /= length
    left = np.concatenate([query[[t] * len(seen[t])] for t in range(length)])
    right = np.concatenate([key[list(seen[t])] for t in range(length)])
    scores = program.products(left, right, scale=scale)
    groups = np.split(scores, np.cumsum([len(positions) for positions in seen])[:-1])
    if kind == "softmax":
        groups = program.softmax(groups)
    mixed = [
        program.products(np.tile(groups[t], (width, 1)), value[list(seen[t])].T)
        for t in range(length)
    ]
    return np.stack(mixed)


def _exchangeable(keywords: dict[str, Any]) -> Fact:
    if keywords["causal"]:
        return Fact(False, "the causal mask gives positions an order")
    return Fact(True, "only the vectors of positions tell them apart, and they have one law")


FAMILY = Family(
    name="attention",
    build=attention_model,
    exchangeable_inputs=_exchangeable,
    reflectable_inputs=lambda _: Fact(False, "all positions share the vector that a flip changes"),
)
