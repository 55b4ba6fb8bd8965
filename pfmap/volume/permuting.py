"""Exchanges of units of a hidden layer: the prior and the function stay, a law of one's own not.

For units i and a law q under which the parameters are independent, let q_j(i) be the density of the
parameters of unit i in the place of unit j: its incoming weights, its bias and its outgoing
weights. Exchanges of two places at random, accepted by the ratio of Π_j q_j(unit at j), keep
prior^(1 - b) q^b restricted to any set of functions, since the units do the same in other places.
"""

from __future__ import annotations

import numpy as np

from pfmap.kernels.cached import Net

SWEEPS = 2
"""Exchanges tried, over the number of pairs of units."""


def exchange_units(
    net: Net, x: np.ndarray, states: np.ndarray, mean: np.ndarray, sds: np.ndarray,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Exchange units of every hidden layer, in place.

    Parameters
    ----------
    net : Net
    x : ndarray, shape (chains, d)
        Coordinates that are standard normal under the prior.
    states : ndarray, shape (chains, d)
        Standard coordinates, reordered as x is.
    mean, sds : ndarray, shape (d,)
        Normal law that, times 1 for the wanted functions, the chains keep.
    rng : numpy.random.Generator
    """
    chain = np.arange(len(x))
    for places in unit_places(net):
        units, n = x[:, places], len(places)
        precision = sds[places] ** -2.0
        # ln q_j(i) up to what the exchange does not change.
        logs = -0.5 * np.einsum("cid,jd->cij", units**2, precision)
        logs += np.einsum("cid,jd->cij", units, precision * mean[places])
        at = np.tile(np.arange(n), (len(x), 1))
        tries = SWEEPS * n * (n - 1) // 2
        first = rng.integers(n, size=tries)
        second = (first + rng.integers(1, max(n, 2), size=tries)) % n
        chances = np.log(rng.random((tries, len(x))))
        for i, j, chance in zip(first.tolist(), second.tolist(), chances, strict=True):
            one, two = at[:, i], at[:, j]
            change = logs[chain, one, j] + logs[chain, two, i]
            change -= logs[chain, one, i] + logs[chain, two, j]
            taken = chance < change
            at[taken, i], at[taken, j] = two[taken], one[taken]
        for array in (x, states):
            array[:, places] = array[:, places][chain[:, None], at]


def unit_places(net: Net) -> list[np.ndarray]:
    """For every hidden layer the positions of its units' parameters, shape (units, parameters).

    Examples
    --------
    >>> net = Net(np.array([1, 2, 1]), 1, 0, 2, 4, np.zeros((1, 2)))
    >>> [places.tolist() for places in unit_places(net)]
    [[[0, 2, 4], [1, 3, 5]]]
    """
    widths, found, first = net.widths.astype(int), [], 0
    for layer in range(len(widths) - 2):
        below, n, above = widths[layer : layer + 3]
        units = np.arange(n)[:, None]
        blocks = [first + below * units + np.arange(below)]
        if net.bias:
            blocks.append(first + below * n + units)
        first += (below + net.bias) * n
        blocks.append(first + n * np.arange(above) + units)
        found.append(np.concatenate(blocks, axis=1))
    return found
