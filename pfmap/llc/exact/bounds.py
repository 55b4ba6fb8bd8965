"""Bounds on λ at w* that need no chain: ranks, Newton polyhedra and known families."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.llc.arguments import check_position
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.families import family_value
from pfmap.llc.exact.finite_rank import FiniteRank, has_generic_rank, jacobian_rank_exactly
from pfmap.llc.exact.local_polynomial import local_polynomials
from pfmap.llc.exact.nondegenerate import newton_llc
from pfmap.llc.ladder.problem import ZERO_LOSS, on_kink
from pfmap.llc.rank import GAP_LIMIT, jacobian_rank
from pfmap.models.base import CompiledModel, Model, RegressionModel

FALL = 1e-6
"""Singular values that fall by this, to `ROUNDING_LEVEL`, from one to the next are rounding."""

ROUNDING_LEVEL = 1e-12
"""Next to the largest."""


@dataclass(frozen=True, repr=False)
class ExactBounds(Displayed):
    """What is known of λ and m at w* without sampling.

    Attributes
    ----------
    low : Fraction
        λ >= low; 0 where nothing is known.
    high : Fraction or None
        λ <= high; None where nothing is known.
    llc : Fraction or None
        λ where it is settled: low = high = llc.
    multiplicity : int or None
        m where it is settled; None also where λ is and m is not.
    sources : tuple of str
        Where the bounds come from, each with its value.
    settled : bool
        Whether λ and m both are, by results that are proved: no chain can add anything.
    rank : FiniteRank or None
        The rank of a polynomial model's Jacobian over the rational numbers.
    """

    SHOWN: ClassVar = ("llc", "multiplicity", "low", "high", "settled")

    low: Fraction
    high: Fraction | None
    llc: Fraction | None
    multiplicity: int | None
    sources: tuple[str, ...]
    settled: bool = False
    rank: FiniteRank | None = None


class _Bounds:
    """Bounds as they are found; contradictions are errors of this program and stop it."""

    def __init__(self) -> None:
        self.low = Fraction(0)
        self.high: Fraction | None = None
        self.multiplicity: int | None = None
        self.low_source = self.high_source = ""
        self.proved = False
        self.rank: FiniteRank | None = None
        self.doubtful = False  # w* lies within rounding of a point of smaller rank

    @property
    def settled(self) -> bool:
        return self.multiplicity is not None

    def at_least(self, value: Fraction, source: str) -> None:
        if value > self.low:
            self.low, self.low_source = value, source

    def at_most(self, value: Fraction, source: str) -> None:
        if self.high is None or value < self.high:
            self.high, self.high_source = value, source

    def settle(self, found: LearningCoefficient) -> None:
        source = found.source if found.proved else f"{found.source} (not proved)"
        self.low = self.high = found.llc
        self.low_source = self.high_source = source
        self.multiplicity, self.proved = found.multiplicity, found.proved

    def result(self) -> ExactBounds:
        llc = self.low if self.low == self.high else None
        if llc is not None:
            both = dict.fromkeys(source for source in (self.low_source, self.high_source) if source)
            sources = tuple(f"λ = {llc}: {source}" for source in both)
        else:
            sides = ((f"λ >= {self.low}", self.low_source), (f"λ <= {self.high}", self.high_source))
            sources = tuple(f"{side}: {source}" for side, source in sides if source)
        settled = self.settled and self.proved
        return ExactBounds(self.low, self.high, llc, self.multiplicity, sources, settled, self.rank)


def exact_llc(model: Model, weights: np.ndarray) -> ExactBounds:
    """What ranks, Newton polyhedra and known families say of λ and m at a zero w* of K.

    - λ >= rank/2, the rank of the Jacobian at w*: over the rational numbers where the outputs are
      polynomials of the parameters (`pfmap.llc.exact.finite_rank`), else the numerical one where
      its singular values leave a clear gap. λ = rank/2 with m = 1 where the rank is the number of
      outputs (the fibre is smooth), of parameters (K is a positive quadratic form), or the largest
      that the polynomials have anywhere (the rank is constant around w*). Where the
      singular values of a polynomial model fall sharply to the level of rounding, w* lies within
      rounding of a point of smaller rank: that rank counts, and nothing is settled.
    - λ <= d/2, and λ <= that of all monomials of the outputs in w - w*
      (`pfmap.llc.exact.newton`), which it is where the outputs generate these monomials, or are
      non-degenerate on their Newton polyhedron (`pfmap.llc.exact.nondegenerate`).
    - Linear networks and tanh units at the origin have formulas (`pfmap.llc.exact.families`).

    Parameters
    ----------
    model : Model
        Any; of one without outputs nothing is known.
    weights : ndarray, shape (d,)
        w*. Where K(w*) is at the level of rounding the bounds are for the loss against the outputs
        at w* exactly; where it is more, w* is no zero of K and nothing is said.

    Returns
    -------
    ExactBounds

    Raises
    ------
    SettingsError
        If the weights have the wrong shape or are not finite.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> found = exact_llc(polynomial_model([[1, 3]]), np.zeros(2))  # K = (w1 w2³)²/2
    >>> str(found.llc), found.multiplicity
    ('1/6', 1)
    >>> cusp = polynomial_model([[2, 0], [0, 3]], [[1.0, -1.0]])  # K = (w1² - w2³)²/2
    >>> found = exact_llc(cusp, np.zeros(2))
    >>> str(found.llc), found.multiplicity
    ('5/12', 1)
    >>> line = polynomial_model([[2, 0], [1, 1], [0, 2]], [[1.0, -2.0, 1.0]])  # (w1 - w2)⁴/2
    >>> found = exact_llc(line, np.zeros(2))  # it is 1/4: degenerate
    >>> str(found.low), str(found.high), found.sources
    ('0', '1/2', ('λ <= 1/2: Newton polyhedron of the outputs at w*',))
    """
    center = check_position(model, weights)
    bounds = _Bounds()
    if not isinstance(model, RegressionModel) or not _is_zero(model, center):
        return bounds.result()
    if isinstance(model, CompiledModel):
        bounds.at_most(Fraction(model.n_parameters, 2), "K is at most quadratic in w - w*")
    _by_rank(bounds, model, center)
    if isinstance(model, CompiledModel) and not bounds.settled:
        _by_family(bounds, model, center)
    if isinstance(model, CompiledModel) and not bounds.settled:
        _by_polyhedron(bounds, model, center)
    return bounds.result()


def _is_zero(model: RegressionModel, center: np.ndarray) -> bool:
    scale = max(1.0, float(np.mean(np.square(model.targets))))
    return float(model.loss(center)) <= ZERO_LOSS * scale


def _by_rank(bounds: _Bounds, model: RegressionModel, center: np.ndarray) -> None:
    found = jacobian_rank(model.jacobian(center))
    rank, name = found.rank if found.gap <= GAP_LIMIT else 0, "rank/2"
    if isinstance(model, CompiledModel):
        bounds.rank = jacobian_rank_exactly(model, center)
    if bounds.rank is not None:
        rank, name = bounds.rank.rank, "rank/2, modulo two primes"
        above = _n_above_rounding(found.singular_values)
        if above < rank:
            rank, name, bounds.doubtful = above, "rank/2", True
    if isinstance(model, CompiledModel) and rank and on_kink(model, center):
        return
    bounds.at_least(Fraction(rank, 2), name)
    source = ""
    if rank and rank in (len(np.ravel(model.targets)), model.n_parameters):
        source = f"{name}, which is full"
    elif isinstance(model, CompiledModel) and bounds.rank is not None and not bounds.doubtful:
        generic = has_generic_rank(model, bounds.rank)
        source = f"{name}, the largest of the model and so constant around w*" if generic else ""
    if source:
        bounds.settle(LearningCoefficient(Fraction(rank, 2), 1, source))


def _n_above_rounding(values: np.ndarray) -> int:
    """Singular values above the first sharp fall to the level of rounding; all where none is.

    Ill-conditioned Jacobians fall to that level little by little, and all of their values count.
    """
    for i in range(1, len(values)):
        if values[i] <= min(FALL * values[i - 1], ROUNDING_LEVEL * values[0]):
            return i
    return len(values)


def _by_family(bounds: _Bounds, model: CompiledModel, center: np.ndarray) -> None:
    value = family_value(model, center)
    if value is None:
        return
    if value.exact:
        bounds.settle(value.least)
    else:
        bounds.at_least(value.least.llc, value.least.source)


def _by_polyhedron(bounds: _Bounds, model: CompiledModel, center: np.ndarray) -> None:
    local = local_polynomials(model, center)
    if local is None:
        return
    outputs = [output for output in local.outputs if output]
    if not outputs:
        if local.clean:
            bounds.settle(LearningCoefficient(Fraction(0), 1, "K is 0 everywhere"))
        return
    found, exact = newton_llc(outputs)
    if found is None:
        return
    if local.clean and exact and not bounds.doubtful:
        bounds.settle(found)
    else:
        bounds.at_most(found.llc, "Newton polyhedron of the outputs at w*")
