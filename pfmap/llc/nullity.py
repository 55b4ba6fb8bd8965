"""Why the Jacobian of a network lacks rank: its null directions, counted by cause.

A null direction is a way to move the parameters that leaves every output where it is, to first
order. Causes are subspaces of the null space, counted one after the other, so that a direction that
two causes share counts for the first and the sum never exceeds the nullity d - rank:

1. dead: incoming parameters of a hidden unit that moves no output (off at every point, or without
   outgoing weights), and outgoing weights of a unit that is 0 at every point;
2. duplicate: hidden units of one layer that are the same unit to first order. ReLU units on at the
   same points, linear there, act through sums over them; units of other activations do so where
   their incoming parameters agree up to sign (up to a factor for monomials);
3. linear: the same for ReLU units on at every point, pieces never crossed, and linear units;
4. narrow: incoming parameters of one unit that no point where it is on can tell apart, since these
   points span less than all its inputs;
5. rescaling: a homogeneous unit (ReLU, linear, monomial) that moves outputs: incoming parameters
   times 1 + ε, outgoing divided by as much. One a unit, less those that 1 to 4 already hold;
6. unexplained: the rest. With more parameters than outputs it is at least what 1 to 5 leave of
   d - outputs.

1 to 4 live on the incoming parameters of single units or of groups of them, disjoint sets of
columns of the Jacobian: each is a difference of ranks of some of its columns. 5 is the rank of the
rescalings' parts outside their span.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from pfmap.activations import Activation
from pfmap.display import Displayed
from pfmap.kernels.gradient import FIRST_WIDTH
from pfmap.llc.rank import JacobianRank, rank_cut
from pfmap.llc.singular import decompose, singular_values
from pfmap.models.base import CompiledModel
from pfmap.models.network import layer_sums, unflatten

_ALIKE = 1e-12


@dataclass(frozen=True, repr=False)
class Nullity(Displayed):
    """Null directions of a Jacobian by cause; their sum is d - rank.

    Attributes
    ----------
    dead, duplicate, linear, narrow, rescaling, unexplained : int
        As the module says.
    """

    dead: int
    duplicate: int
    linear: int
    narrow: int
    rescaling: int
    unexplained: int


def nullity_by_cause(
    model: CompiledModel, weights: np.ndarray, jacobian: np.ndarray, found: JacobianRank
) -> Nullity | None:
    """Count the null directions of a network's Jacobian by cause.

    Parameters
    ----------
    model : CompiledModel
        A network; of other families no cause is known.
    weights : ndarray, shape (d,)
        w*.
    jacobian : ndarray, shape (outputs, d)
        The Jacobian at w*.
    found : JacobianRank
        Its rank.

    Returns
    -------
    Nullity or None
        None unless the model is a network.

    Examples
    --------
    >>> from pfmap.llc.rank import jacobian_rank
    >>> from pfmap.models.network import network_model
    >>> model = network_model((1, 2, 1), np.array([[0.0], [1.0], [2.0], [3.0]]))
    >>> weights = np.array([1.0, -1.0, -0.5, -0.5, 1.0, 1.0, 0.0])  # the second unit is always off
    >>> jacobian = model.jacobian(weights)
    >>> nullity_by_cause(model, weights, jacobian, jacobian_rank(jacobian))
    Nullity(dead=3, duplicate=0, linear=0, narrow=0, rescaling=1, unexplained=0)
    """
    if not model.is_network:
        return None
    n_layers = int(model.ints[0])
    bias = int(model.ints[2])
    activation = model.hidden_facts
    widths = tuple(int(n) for n in model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1])
    matrices = [
        np.hstack([matrix, offset[:, None]]) if bias else matrix
        for matrix, offset in unflatten(weights, widths, bool(bias))
    ]
    columns = _columns(widths, bias)
    sums, values = zip(*layer_sums(model, weights), strict=True)
    cut = rank_cut(jacobian, found.singular_values)

    def rank(chosen: np.ndarray) -> int:
        values = singular_values(jacobian[:, chosen])
        return 0 if values is None else int((values > cut).sum())

    def lost(chosen: np.ndarray) -> int:
        return len(chosen) - rank(chosen) if len(chosen) else 0

    counts = {"dead": 0, "duplicate": 0, "linear": 0, "narrow": 0}
    below: list[tuple[str, list[int]]] = []  # groups of like units in the layer below
    off_below: list[int] = []
    held: list[np.ndarray] = []  # disjoint sets of columns: null directions inside each are counted
    live_units: list[tuple[int, int]] = []
    for layer in range(n_layers):
        last = layer == n_layers - 1
        blocks = columns[layer]
        live = [u for u, block in enumerate(blocks) if last or jacobian[:, block].any()]
        counts["dead"] += sum(len(block) for u, block in enumerate(blocks) if u not in live)
        held += [block for u, block in enumerate(blocks) if u not in live]
        own = {}
        for u in live:
            own[u] = lost(blocks[u])
            rest = own[u]
            for cause, units in [("dead", off_below), *below]:
                inside = lost(blocks[u][units])
                counts[cause] += inside
                rest -= inside
            counts["narrow"] += rest
        below = [] if last else _groups(activation, matrices[layer], sums[layer], live)
        grouped = {u for _, units in below for u in units}
        held += [blocks[u] for u in live if u not in grouped]
        for cause, units in below:
            merged = np.concatenate([blocks[u] for u in units])
            counts[cause] += lost(merged) - sum(own[u] for u in units)
            held.append(merged)
        if not last:
            off_below = [u for u in range(widths[layer + 1]) if not values[layer][u].any()]
            live_units += [(layer, u) for u in live]
    rescaling = 0
    power = activation.homogeneity
    if power is not None and live_units:
        directions = np.array(
            [_rescaling(matrices, columns, *unit, power, len(weights)) for unit in live_units]
        )
        rescaling = rank_outside(directions, held, jacobian, cut)
    nullity = len(weights) - found.rank
    explained = sum(counts.values()) + rescaling
    return Nullity(**counts, rescaling=rescaling, unexplained=max(0, nullity - explained))


def _columns(widths: tuple[int, ...], bias: int) -> list[list[np.ndarray]]:
    """Places of the incoming parameters of every unit of every layer, weights first."""
    columns, start = [], 0
    for below, units in itertools.pairwise(widths):
        offsets = start + units * below
        blocks = []
        for u in range(units):
            block = np.arange(start + u * below, start + (u + 1) * below)
            blocks.append(np.append(block, offsets + u) if bias else block)
        columns.append(blocks)
        start = offsets + units * bias
    return columns


def _groups(
    activation: Activation, matrix: np.ndarray, sums: np.ndarray, live: list[int]
) -> list[tuple[str, list[int]]]:
    """Groups of two or more like units among the live ones of a layer, each with its cause."""
    keys: dict[bytes, list[int]] = {}
    every = b""
    if activation.pieces == "piecewise linear":
        for u in live:
            pieces = np.searchsorted(activation.breaks, sums[u])
            key = every if (pieces == pieces[0]).all() else pieces.tobytes()
            keys.setdefault(key, []).append(u)
    elif activation.pieces == "linear":
        keys[every] = list(live)
    else:
        left = [u for u in live if matrix[u].any()]
        while left:
            first, same = left[0], []
            for u in left:
                if _alike(matrix[first], matrix[u], activation):
                    same.append(u)
            keys[f"unit {first}".encode()] = same
            left = [u for u in left if u not in same]
    return [
        ("linear" if key == every else "duplicate", units)
        for key, units in keys.items()
        if len(units) > 1
    ]


def _alike(one: np.ndarray, other: np.ndarray, activation: Activation) -> bool:
    """Whether two units are one up to a factor: of their inputs' size, or of sign."""
    if activation.homogeneity is not None:
        one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    size = _ALIKE * float(np.abs(one).max())
    opposite = activation.parity != "neither" and np.abs(one + other).max() <= size
    return bool(np.abs(one - other).max() <= size or opposite)


def _rescaling(
    matrices: list[np.ndarray],
    columns: list[list[np.ndarray]],
    layer: int,
    unit: int,
    power: int,
    n_parameters: int,
) -> np.ndarray:
    """Incoming parameters of a unit up, its outgoing weights down: s(cx) = c^power s(x)."""
    direction = np.zeros(n_parameters)
    direction[columns[layer][unit]] = matrices[layer][unit]
    for above, block in enumerate(columns[layer + 1]):
        direction[block[unit]] = -power * matrices[layer + 1][above, unit]
    return direction


def rank_outside(
    directions: np.ndarray, held: list[np.ndarray], jacobian: np.ndarray, cut: float
) -> int:
    """Dimension that null directions add to those inside the column sets `held`."""
    left = np.array(directions)
    for chosen in held:
        parts = decompose(jacobian[:, chosen])
        if parts is None:
            continue
        row_space = parts[2][parts[1] > cut]
        # What is left of a direction is its part in the row space of these columns.
        left[:, chosen] = (left[:, chosen] @ row_space.T) @ row_space
    size = np.linalg.norm(directions, axis=1, keepdims=True)
    found = singular_values(left / np.where(size > 0.0, size, 1.0))
    return 0 if found is None else int((found > 1e-9).sum())
