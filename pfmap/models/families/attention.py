"""Self-attention over the positions of an input: linear or softmax, one block or more."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np

from pfmap.arguments import checked_integer
from pfmap.errors import SettingsError
from pfmap.models.attention_symmetries import Matrices, ValueShift, head_symmetries, path_symmetries
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
    heads: int = 1,
    outputs: int = 1,
) -> ProgramModel:
    """h_t = e x_t + p_t, blocks of h_t + Σ_heads O Σ_s A_ts V h_s, a linear readout of the mean.

    A_ts = softmax_s(q_t · k_s / sqrt(n)), or q_t · k_s / (sqrt(n) T) without the softmax, with
    q = Q h, k = K h and n = width/heads rows of each head (Vaswani and others 2017, arXiv
    1706.03762, section 3.2); no biases inside. In each head Q and K enter by Qᵀ K alone and O and V
    by O V, and all read and write the same path: changes of basis of all of these leave the
    function as it is.

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
    heads : int, default 1
        Heads, which divide the width: the first has the first rows of Q, K, V and columns of O.
    outputs : int, default 1

    Returns
    -------
    ProgramModel
        With targets 0. Parameters in the order: e, p (position by position), for each block Q, K,
        V, O, then the readout and its bias. It declares GL of the path, of each head's queries
        and keys, and of its values, and without the softmax a rescaling of Q against V.

    Raises
    ------
    SettingsError
        If a number is below 1, heads do not divide the width, or the points are not finite.

    Examples
    --------
    >>> model = attention_model(np.array([[-1.0, 1.0], [1.0, 1.0]]), 3)
    >>> model.n_parameters  # 3 + 2·3 + 4·9 + 3 + 1
    49
    """
    width, heads = (
        checked_integer(name, value, least=1)
        for name, value in (("width", width), ("heads", heads))
    )
    if width % heads:
        raise SettingsError(f"heads: must divide the width {width}, got {heads}")
    program = Program(points)
    length = len(program.inputs)
    embedded = program.affine(program.inputs[:, None], width, bias=False)
    places = program.free(length * width).reshape(length, width)
    path = program.sums(_pairs(embedded, places)).reshape(length, width)
    writes = program.layer(embedded).weights, program.layer(places).entering.reshape(-1, width).T
    matrices: list[Matrices] = []
    for _ in range(checked_integer("blocks", blocks, least=1)):
        query, key, value = (program.affine(path, width, bias=False) for _ in range(3))
        mixed = [
            _mixed(program, query[:, rows], key[:, rows], value[:, rows], kind, causal)
            for rows in np.split(np.arange(width), heads)
        ]
        given = program.affine(np.concatenate(mixed, axis=1), width, bias=False)
        q, k, v, o = (program.layer(part).weights for part in (query, key, value, given))
        matrices.append(Matrices(q, k, v, o))
        path = program.sums(_pairs(path, given)).reshape(length, width)
    mean = program.sums(path.T, scale=1.0 / length)
    read = program.affine(mean, checked_integer("outputs", outputs, least=1))
    program.declare(*path_symmetries(*writes, matrices, program.layer(read)))
    if kind == "softmax":
        program.declare(ValueShift(*writes, matrices[0]))
    for block, own in enumerate(matrices):
        inner = itertools.chain(*(after[:3] for after in matrices[block + 1 :]))
        later = [*inner, program.layer(read).weights]
        program.declare(*head_symmetries(own, later, heads, kind))
    return program.model(read)


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
    """Σ_s A_ts v_s of one head at every position t, shape (T, rows of the head)."""
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
    invariances=lambda *_: (),
)
