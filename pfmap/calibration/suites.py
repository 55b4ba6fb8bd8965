"""The suites of models that calibrate the estimator.

`default_suite` is fixed. `drawn_suite` draws from the same families by a seed; it was first run
when every setting of the estimator stood. `singular_suite` holds singularities of other kinds.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np

from pfmap.calibration import known
from pfmap.calibration.known import KnownModel
from pfmap.calibration.singular_suite import singular_suite

DRAWN_SEED = 2027
"""Seed of the drawn suite of the published calibration."""

RELU_POINTS = np.array([-1.0, -0.5, 0.5, 1.0])


def suite_named(name: str, seed: int = DRAWN_SEED) -> list[KnownModel]:
    """The models of the suite of that name in `SUITES`; `seed` draws those of ``drawn``.

    Examples
    --------
    >>> len(suite_named("default"))
    49
    """
    return SUITES[name](seed)


def tanh_points(n_hidden: int) -> np.ndarray:
    """Twice as many points as units, from 0.2 to 2."""
    return np.linspace(0.2, 2.0, 2 * n_hidden)


def default_suite() -> list[KnownModel]:
    """The 49 models of the default calibration."""
    models = [
        known.regular(np.linspace(1.0, 3.0, 3)),
        known.regular(np.linspace(0.5, 2.0, 30)),
        known.regular(np.linspace(0.1, 5.0, 50)),
    ]
    pairs = ((1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1), (2, 2), (3, 2), (3, 3))
    triples = ((1, 1, 1), (2, 1, 1), (2, 2, 1))
    models += [known.monomials([row]) for row in (*pairs, *triples)]
    models += [
        known.monomials([[1, 1, 0, 0], [0, 0, 1, 1]]),
        known.monomials([[1, 0, 0], [0, 1, 1]]),
        known.monomials([[2, 0], [0, 2]]),
        known.monomials([[1, 1, 0], [0, 1, 1]]),
        known.monomials([[1, 1]], n_regular=30),
        known.monomials([[2, 2]], n_regular=40),
    ]
    two_layers = (
        ((2, 2, 2), 0), ((4, 3, 4), 1), ((4, 3, 4), 2), ((5, 3, 5), 0), ((4, 4, 4), 1),
        ((5, 5, 5), 0), ((10, 10, 10), 5),
    )  # fmt: skip
    more_layers = (
        ((1, 1, 1, 1), 0), ((2, 2, 2, 2), 0), ((3, 3, 3, 3), 0), ((3, 3, 3, 3), 1),
        ((5, 4, 4, 5), 2), ((6, 6, 6, 6), 3),
    )  # fmt: skip
    models += [known.deep_linear(widths, rank) for widths, rank in (*two_layers, *more_layers)]
    models += [known.tanh_units(n_hidden, tanh_points(n_hidden)) for n_hidden in range(1, 10)]
    models.append(known.relu_unit(RELU_POINTS))
    models += [known.polynomial_net(depth, known.NET_POINTS) for depth in (1, 2, 3)]
    return [*models, known.line_plus_dot("line"), known.line_plus_dot("dot")]


def drawn_suite(seed: int, n_models: int = 40) -> list[KnownModel]:
    """Models drawn by `seed` from the families of the default suite, each family in turn.

    Examples
    --------
    >>> [model.name for model in drawn_suite(1, 3)]
    ['regular d=29', '(1,2)', '(1,1,0,0) + (0,0,2,2) + 18 regular']
    """
    rng = np.random.default_rng(seed)
    families = (
        _drawn_regular, _drawn_monomial, _drawn_sum, _drawn_linear, _drawn_linear, _drawn_tanh,
        _drawn_relu, _drawn_net,
    )  # fmt: skip
    models = [families[index % len(families)](rng) for index in range(n_models)]
    seen: Counter[str] = Counter()
    for index, model in enumerate(models):
        seen[model.name] += 1
        if seen[model.name] > 1:
            numbered = f"{model.name}, no. {seen[model.name]}"
            models[index] = dataclasses.replace(model, name=numbered)
    return models


def _drawn_regular(rng: np.random.Generator) -> KnownModel:
    return known.regular(rng.uniform(0.2, 3.0, size=int(rng.integers(2, 61))))


def _drawn_monomial(rng: np.random.Generator) -> KnownModel:
    exponents = rng.integers(0, 4, size=int(rng.integers(1, 4)))
    exponents[0] = max(exponents[0], 1)
    return known.monomials([exponents.tolist()])


def _drawn_sum(rng: np.random.Generator) -> KnownModel:
    """Two monomials of disjoint pairs of variables, and some regular parameters."""
    first, second = rng.integers(1, 4, size=(2, 2)).tolist()
    return known.monomials([[*first, 0, 0], [0, 0, *second]], n_regular=int(rng.integers(0, 41)))


def _drawn_linear(rng: np.random.Generator) -> KnownModel:
    widths = tuple(int(width) for width in rng.integers(2, 7, size=int(rng.integers(3, 5))))
    return known.deep_linear(widths, int(rng.integers(0, min(widths) + 1)))


def _drawn_tanh(rng: np.random.Generator) -> KnownModel:
    n_hidden = int(rng.integers(1, 10))
    points = np.sort(rng.uniform(0.2, 2.0, size=2 * n_hidden))
    return known.tanh_units(n_hidden, points)


def _drawn_relu(rng: np.random.Generator) -> KnownModel:
    return known.relu_unit(np.r_[-rng.uniform(0.2, 1.0, 3), rng.uniform(0.2, 1.0, 3)])


def _drawn_net(rng: np.random.Generator) -> KnownModel:
    return known.polynomial_net(int(rng.integers(1, 4)), rng.uniform(-1.0, 1.0, size=(3, 2)))


SUITES: dict[str, Callable[[int], list[KnownModel]]] = {
    "default": lambda _: default_suite(),
    "drawn": drawn_suite,
    "singular": lambda _: singular_suite(),
}
"""Suites of `pfmap calibrate` by name; each takes the seed of the drawn one."""
