"""Weights that express a Boolean function exactly at a small λ: one hidden layer, or more."""

from __future__ import annotations

import itertools

import numpy as np

from pfmap.errors import SettingsError
from pfmap.function_level.bounds import Realisation, bound_llc, function_model
from pfmap.function_level.patterns import restricted_affine
from pfmap.function_level.search import find_patterns
from pfmap.functions.halfspaces import halfspace_cover
from pfmap.settings.domain import boolean_points


def realise_function(
    table: np.ndarray, widths: tuple[int, ...], *, patterns: np.ndarray | None = None
) -> Realisation:
    """Build a relu network that equals ±1 on the cube exactly, at as small a λ as is known.

    One hidden layer: units with the patterns of `find_patterns`; each pattern A carries an affine
    function on A by one unit, or by two of the same pattern where one cannot. Output weights are
    refitted by least squares, and spare units are off at every input, where they add nothing.

    Two or more: first-layer units that are off on all of one class and cover the other
    (`halfspace_cover`), and one unit above them that they switch off. The Jacobian has rank 2 on an
    open set: λ = 1. Every layer further up passes that unit on.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order.
    widths : tuple of int
        Units of every layer, n first and 1 last.
    patterns : ndarray of bool, shape (patterns, 2^n), optional
        Patterns for one hidden layer; None means `find_patterns`.

    Returns
    -------
    Realisation
        `high` is an upper bound on λ_f of this architecture.

    Raises
    ------
    SettingsError
        If the widths do not fit the table or are too small for the realisation found, or a pattern
        cannot be cut off by a half-space, or the patterns do not express f.

    Examples
    --------
    >>> xor = np.array([0, 1, 1, 0])
    >>> for widths in ((2, 4, 1), (2, 4, 4, 1)):
    ...     found = realise_function(xor, widths)
    ...     print(found.verdict, found.low, found.high)
    exact 3/2 3/2
    exact 1 1
    """
    function_model(table, widths)  # refuses widths that do not fit
    if len(widths) > 3:
        layers = _deep_layers(np.asarray(table), widths)
    else:
        chosen = find_patterns(table) if patterns is None else patterns
        layers = _shallow_layers(np.asarray(table), widths, chosen)
    weights = np.concatenate([part.ravel() for layer in layers for part in layer])
    return bound_llc(table, widths, weights)


def _deep_layers(table: np.ndarray, widths: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases; spare units have the bias -1 and no incoming weights."""
    layers = [
        (np.zeros((units, below)), np.full(units, -1.0))
        for below, units in itertools.pairwise(widths)
    ]
    halfspaces, covered = halfspace_cover(table)
    _check_units(len(halfspaces), widths)
    k, n = len(halfspaces), widths[0]
    # Σ_i w_i (2 x_i - 1) + w_n on {0,1} inputs, scaled so that |pre-activation| is at least 1.
    layers[0][0][:k] = 2.0 * halfspaces[:, :n]
    layers[0][1][:k] = halfspaces[:, n] - halfspaces[:, :n].sum(axis=1)
    # 1 where all are off; covered points have at least 1 from the first layer.
    layers[1][0][0, :k] = -2.0
    layers[1][1][0] = 1.0
    for matrix, offset in layers[2:-1]:
        matrix[0, 0], offset[0] = 1.0, 1.0
    sign = 1.0 if covered == 0 else -1.0
    hidden = len(widths) - 2
    if k == 0:  # constant: every unit off
        layers[1][1][0] = -1.0
        layers[-1][1][0] = 2.0 * table[0] - 1.0
    else:
        # The last hidden unit is hidden - 1 on the class left alone and hidden - 2 on the other.
        layers[-1][0][0, 0] = 2.0 * sign
        layers[-1][1][0] = -sign - 2.0 * sign * (hidden - 2)
    return layers


def _shallow_layers(
    table: np.ndarray, widths: tuple[int, ...], patterns: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """One hidden layer from patterns."""
    n_points = len(table)
    n, width = widths[0], widths[1]
    targets = 2.0 * table - 1.0
    affine = np.hstack([boolean_points(n), np.ones((n_points, 1))])
    units: list[np.ndarray] = []
    if len(patterns):
        generators = restricted_affine(patterns)
        columns = np.vstack([np.ones((1, n_points)), generators.reshape(-1, n_points)]).T
        parts = np.linalg.lstsq(columns, targets, rcond=None)[0][1:].reshape(len(patterns), n + 1)
        for pattern, part in zip(patterns, parts, strict=True):
            units += _units(affine, pattern, np.append(part[1:], part[0]))
    _check_units(len(units), widths)
    matrix, offset = np.zeros((width, n)), np.full(width, -1.0)
    if units:
        matrix[: len(units)] = np.array(units)[:, :n]
        offset[: len(units)] = np.array(units)[:, n]
    hidden = np.maximum(affine @ np.hstack([matrix, offset[:, None]]).T, 0.0)
    solved = np.linalg.lstsq(
        np.hstack([hidden[:, : len(units)], np.ones((n_points, 1))]), targets, rcond=None
    )[0]
    outgoing = np.append(solved[:-1], np.ones(width - len(units)))
    return [(matrix, offset), (outgoing[None], solved[-1:])]


def _units(affine: np.ndarray, pattern: np.ndarray, part: np.ndarray) -> list[np.ndarray]:
    """Units of one pattern A that together give the affine function `part` on A.

    One unit does if the function, or its negative, is above 0 on A and can be continued below 0
    off A. Two do always: z and z + ε part, which have the same pattern for small ε.
    """
    wanted = affine[pattern] @ part
    if np.abs(wanted).max() < 1e-9:  # least squares found no use for the pattern
        return []
    if (wanted > 1e-9).all() or (wanted < -1e-9).all():
        scaled = np.abs(wanted) / np.abs(wanted).max()
        alone = _widest(affine, pattern, scaled)
        if alone is not None:
            return [alone]
    first = _widest(affine, pattern, None)
    if first is None:
        raise SettingsError(
            f"patterns: each must be cut off by a half-space, got {pattern.astype(int).tolist()}"
        )
    room = np.abs(affine @ first).min() / np.abs(affine @ part).max()
    return [first, first + 0.5 * room * part]


def _widest(
    affine: np.ndarray, pattern: np.ndarray, values: np.ndarray | None
) -> np.ndarray | None:
    """Bounded weights that are on at `pattern` alone by the widest margin, with `values` there.

    None if there are none.
    """
    from scipy.optimize import linprog

    n_weights = affine.shape[1]
    signs = np.where(pattern, -1.0, 1.0)[:, None]
    rows = np.hstack([signs * affine, np.ones((len(affine), 1))])
    equal = values is not None
    found = linprog(
        np.append(np.zeros(n_weights), -1.0),
        A_ub=rows[~pattern] if equal else rows,
        b_ub=np.zeros((~pattern).sum() if equal else len(rows)),
        A_eq=np.hstack([affine[pattern], np.zeros((pattern.sum(), 1))]) if equal else None,
        b_eq=values,
        bounds=[(-n_weights, n_weights)] * n_weights + [(0.0, 1.0)],
    )
    if found.status != 0 or found.x[-1] < 1e-6:
        return None
    return np.asarray(found.x[:-1])


def _check_units(needed: int, widths: tuple[int, ...]) -> None:
    if needed > widths[1]:
        raise SettingsError(
            f"widths: the realisation found needs {needed} units in the first hidden layer, got "
            f"{widths[1]}",
            next_step=f"set it to {needed} or more",
        )
