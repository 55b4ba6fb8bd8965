"""Length of the shortest two-level Boolean expression."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.boolean_cover import minimal_literals

from .registry import FunctionBatch, proxy

_UNLIMITED = -1


def minimal_expression(batch: FunctionBatch) -> tuple[np.ndarray, np.ndarray]:
    """Literals of the shortest sum of products or product of sums, whichever has fewer.

    All prime implicants (Quine 1952, McCluskey 1956), then the cheapest cover in literals:
    essential and undominated implicants, then a branch and bound whose first cover is a greedy
    one. The search is exhaustive up to 5 inputs. It may open 100,000 nodes at 6 and 7 inputs, and
    10,000 beyond: a result is then exact where the search ended by itself, and otherwise an upper
    bound.

    Parameters
    ----------
    batch : FunctionBatch
        Boolean functions.

    Returns
    -------
    literals : ndarray of int64, shape (functions,)
        0 for constants.
    proven : ndarray of bool, shape (functions,)
        Whether no shorter expression exists.

    Examples
    --------
    >>> from pfmap.settings.domain import boolean_points
    >>> majority = (boolean_points(3).sum(axis=1) >= 2)[None]
    >>> minimal_expression(FunctionBatch("boolean", boolean_points(3), bits=majority))
    (array([6]), array([ True]))
    """
    literals = np.empty((len(batch), 2), np.int64)
    proven = np.empty((len(batch), 2), np.bool_)
    budget = node_budget(batch.n_inputs)
    minimal_literals(batch.values, batch.n_inputs, budget, literals, proven)
    return literals.min(axis=1), proven[:, 0] & proven[:, 1]


def node_budget(n_inputs: int) -> int:
    """Nodes that the search for a cover may open; -1 for any number."""
    if n_inputs <= 5:
        return _UNLIMITED
    return 100_000 if n_inputs <= 7 else 10_000


@proxy(
    "expression",
    meaning="Literals of the shortest sum of products or product of sums, whichever has fewer; "
    "exact for n <= 5, beyond the best found by a bounded search.",
    unit="literals",
    kinds=("boolean",),
    reads_order=False,
    dear=True,
)
def expression(batch: FunctionBatch) -> np.ndarray:
    """Minimal two-level expression, counted in literals."""
    return minimal_expression(batch)[0].astype(np.float64)
