"""Polynomials whose coefficients are products of parameters."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array, checked_integer
from pfmap.errors import SettingsError
from pfmap.models.families._family import Fact, Family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import rescaling


def factored_polynomial_model(x: np.ndarray, factors: tuple[int, ...]) -> ProgramModel:
    """f(x) = Σ_j (Π_{i <= factors[j]} θ_ji) x^j, as in the dispute about λ (docs/dispute.md).

    `pfmap.exact.factored_polynomial_llc` gives λ and m at every polynomial.

    Parameters
    ----------
    x : ndarray, shape (P,) or (P, 1)
        The domain.
    factors : sequence of int
        Factors of each coefficient, from x⁰ up.

    Returns
    -------
    ProgramModel
        With targets 0. Parameters coefficient by coefficient, with fan-in 1; factors of one
        coefficient can be scaled against each other.

    Raises
    ------
    SettingsError
        If a number is below 1, or x is not finite.

    Examples
    --------
    >>> model = factored_polynomial_model(np.array([2.0]), [1, 2])
    >>> model.outputs([1.0, 3.0, 5.0]).tolist()  # 1 + 3·5 x
    [31.0]
    """
    at = checked_array("x", x)
    if at.ndim == 2 and at.shape[1] == 1:
        at = at[:, 0]
    counts = [checked_integer("factors", count, least=1) for count in factors]
    if at.ndim != 1 or not counts:
        raise SettingsError("x, factors: must each be one list of numbers, and not empty")
    program = Program(at[:, None] ** np.arange(len(counts)))
    coefficients = []
    for count in counts:
        rows = program.free(count)
        product = rows[:1]
        for row in rows[1:]:
            product = program.products(product[:, None], row.reshape(1, 1))
        coefficients.append(product[0])
        theta = program.layer(rows).entering  # shape (factors, 1)
        if count > 1:
            program.declare(rescaling(np.repeat(theta[:1], count - 1, axis=0), theta[1:]))
    return program.model(program.products(np.array([coefficients]), program.inputs[None]))


FAMILY = Family(
    name="factored_polynomial",
    build=factored_polynomial_model,
    exchangeable_inputs=lambda _: Fact(True, "there is one input"),
    reflectable_inputs=lambda _: Fact(
        True, "flipping the input changes the sign of odd coefficients, whose law is even"
    ),
    invariances=lambda *_: (),
)
