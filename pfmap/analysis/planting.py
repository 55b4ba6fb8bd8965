"""Data sets with a known relation, in the design of a real one: rows, values, controls, errors.

The true values of both columns are those observed, drawn towards their mean until what the reported
errors add is what the observed spread has. A relation is planted in normal scores: of x, the part
that the controls explain stays, and the rest becomes

    r e_y + sqrt(1 - r²) ε,

e_y what the controls leave of y, ε new normal numbers; x then takes its own true values in the
order of the sum, and both columns get new errors. With r = 0 nothing relates x to y but chance, the
controls and the errors. An error belongs to its row, not to the value that stands there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

_CHUNK_VALUES = 2**20


@dataclass(frozen=True)
class Design:
    """What stays the same in all data sets.

    Attributes
    ----------
    true_x, true_y : ndarray, shape (n,)
        True values, x ascending and y by row.
    errors_x, errors_y : ndarray, shape (n,)
        Standard errors by row.
    explained, own : ndarray, shape (n,)
        Normal scores of x that the controls explain, and unit scores e_y of y that they leave.
    left : float
        Standard deviation of what the controls leave of the scores of x.
    basis : ndarray, shape (n, controls + 1)
        Orthonormal columns that span the constant and the ranks of the controls.
    """

    true_x: np.ndarray
    true_y: np.ndarray
    errors_x: np.ndarray
    errors_y: np.ndarray
    explained: np.ndarray
    own: np.ndarray
    left: float
    basis: np.ndarray


@dataclass(frozen=True)
class Planted:
    """Coefficients of planted data sets.

    Attributes
    ----------
    observed : ndarray, shape (data sets,)
        With the errors.
    true : ndarray, shape (data sets,)
        Of the true values.
    """

    observed: np.ndarray
    true: np.ndarray


def design_of(
    x: np.ndarray,
    y: np.ndarray,
    errors_x: np.ndarray,
    errors_y: np.ndarray,
    controls: np.ndarray,
) -> Design:
    """Design of two columns with reported errors.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        The columns, not constant.
    errors_x, errors_y : ndarray, shape (n,)
        Their standard errors, 0 where values are exact.
    controls : ndarray, shape (n, controls)
        What is held fixed; no columns for a plain coefficient.
    """
    ones = np.ones((len(x), 1))
    scores_basis = _span(np.hstack([ones, *(_scores(column)[:, None] for column in controls.T)]))
    explained, left = _split(_scores(x), scores_basis)
    _, own = _split(_scores(y), scores_basis)
    size = np.sqrt((own**2).mean())
    return Design(
        true_x=np.sort(_shrunk(x, errors_x)),
        true_y=_shrunk(y, errors_y),
        errors_x=errors_x,
        errors_y=errors_y,
        explained=explained,
        own=own / size if size > 0.0 else own,
        left=float(np.sqrt((left**2).mean())),
        basis=_span(np.hstack([ones, *(rankdata(column)[:, None] for column in controls.T)])),
    )


def plant(design: Design, r: float, n_sets: int, rng: np.random.Generator) -> Planted:
    """Coefficients of data sets with a planted relation.

    Parameters
    ----------
    design : Design
    r : float
        Relation of the scores, from -1 to 1.
    n_sets : int
        Data sets.
    rng : Generator
        The same state gives the same numbers for every r.

    Returns
    -------
    Planted

    Examples
    --------
    >>> x = np.arange(50.0)
    >>> design = design_of(x, x, np.zeros(50), np.full(50, 5.0), np.zeros((50, 0)))
    >>> found = plant(design, 0.5, 400, np.random.default_rng(0))
    >>> bool(0.0 < found.observed.mean() < found.true.mean() < 0.55)
    True
    """
    n = len(design.true_x)
    step = max(1, _CHUNK_VALUES // n)
    noisy = design.errors_x.any() or design.errors_y.any()
    observed, true = [], []
    for start in range(0, n_sets, step):
        shape = (min(step, n_sets - start), n)
        fresh, noise_x, noise_y = (rng.standard_normal(shape) for _ in range(3))
        related = r * design.own + np.sqrt(1.0 - r * r) * fresh
        order = np.argsort(design.explained + design.left * related, axis=1)
        x = np.empty(shape)
        np.put_along_axis(x, order, np.broadcast_to(design.true_x, shape), axis=1)
        y = np.broadcast_to(design.true_y, shape)
        true.append(_coefficients(x, y, design.basis))
        measured = x + design.errors_x * noise_x, y + design.errors_y * noise_y
        observed.append(_coefficients(*measured, design.basis) if noisy else true[-1])
    return Planted(np.concatenate(observed), np.concatenate(true))


def _coefficients(x: np.ndarray, y: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(Partial) Spearman coefficients of the rows of x and y; 0 where a column is constant."""
    left = []
    for values in (x, y):
        ranks = rankdata(values, axis=1)
        rest = ranks - (ranks @ basis) @ basis.T
        size = np.sqrt((rest**2).sum(axis=1))
        rest[size <= 1e-9 * len(basis)] = 0.0
        left.append(rest / np.where(size > 0.0, size, 1.0)[:, None])
    return (left[0] * left[1]).sum(axis=1)


def _scores(values: np.ndarray) -> np.ndarray:
    """Normal scores by average rank."""
    return np.asarray(ndtri((rankdata(values) - 0.5) / len(values)))


def _span(columns: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the span of columns, collinear ones included."""
    u, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, sizes > 1e-10 * sizes[0]]


def _split(values: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the basis explains of values, and what it leaves."""
    explained = basis @ (basis.T @ values)
    return explained, values - explained


def _shrunk(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Values drawn towards their mean until their variance is the observed one less the errors'."""
    variance = values.var()
    share = max(0.0, 1.0 - float((errors**2).mean()) / variance) if variance > 0.0 else 0.0
    return values.mean() + np.sqrt(share) * (values - values.mean())
