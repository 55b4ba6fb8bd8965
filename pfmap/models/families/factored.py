"""Layers whose matrix is a product: of low rank, or over-parametrised by linear factors."""

from __future__ import annotations

import numpy as np

from pfmap.activations import facts_of
from pfmap.arguments import checked_integer
from pfmap.errors import SettingsError
from pfmap.models.families._family import EVEN_WEIGHTS, Fact, Family
from pfmap.models.layer import Reader
from pfmap.models.linear_spaces import Unseen
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import layer_symmetries


def factored_model(
    points: np.ndarray,
    widths: tuple[int, ...],
    factors: tuple[tuple[int, ...], ...],
    *,
    activation: str = "relu",
    degree: int = 1,
    bias: bool = True,
    output_activation: str = "linear",
) -> ProgramModel:
    """A dense network whose matrices are products W = F_k … F_1, with numbers of rows in between.

    One number below both sides of a matrix makes it of low rank; numbers no smaller leave the
    functions as they are and change their prior and λ alone (linear over-parametrisation, as in
    Huh and others 2023, arXiv 2103.10427). Every factor has its own fan-in, so that with the same
    prior an entry of the product has the variance of an entry of a plain matrix.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    widths : sequence of int
        Inputs, units of each hidden layer, outputs.
    factors : sequence of sequences of int
        For each matrix the rows between its factors, from below: () for a plain one, (r,) for two.
    activation, degree
        s of the hidden layers, as in a campaign file.
    bias : bool, default True
        Whether layers have biases; factors inside have none.
    output_activation : str, default "linear"
        s of the last layer.

    Returns
    -------
    ProgramModel
        With targets 0. Parameters layer by layer: factors from below, then the bias. It declares
        GL(r) of the rows between factors, and what its units have (`layer_symmetries`).

    Raises
    ------
    SettingsError
        If widths, factors and points do not fit each other.

    Examples
    --------
    >>> model = factored_model(np.eye(3), (3, 4, 1), ((1,), ()))  # the first matrix of rank 1
    >>> model.n_parameters  # 3 + 4 + 4, then 4 + 1
    16
    """
    program = Program(points)
    numbers = tuple(checked_integer("widths", width, least=1) for width in widths)
    if len(numbers) < 2 or numbers[0] != len(program.inputs):
        raise SettingsError(
            f"widths: must be the {len(program.inputs)} inputs, hidden widths and outputs, "
            f"got {numbers}"
        )
    if len(factors) != len(numbers) - 1:
        raise SettingsError(
            f"factors: must have one entry for each of {len(numbers) - 1} matrices, "
            f"got {len(factors)}"
        )
    rows, steps = program.inputs, []
    for layer, (units, inner) in enumerate(zip(numbers[1:], factors, strict=True)):
        for between in inner:
            rows = program.affine(rows, checked_integer("factors", between, least=1), bias=False)
            steps.append((rows, ("linear", 1)))
        last = layer == len(factors) - 1
        kind = (output_activation, 1) if last else (activation, degree)
        rows = program.affine(rows, units, activation=kind[0], degree=kind[1], bias=bias)
        steps.append((rows, kind))
    layers = [program.layer(step) for step, _ in steps]
    biased = [layer.bias is not None for layer in layers]
    bent = [facts_of(*kind).pieces != "linear" for _, kind in steps]
    bent[-1] = True
    for at, below in enumerate(layers[:-1]):
        # A shift passes factors up to the next bias; linear rows go on to the next bent unit.
        end = biased.index(True, at + 1) if below.bias is not None else at + 1
        reader = Reader(
            tuple(layer.weights for layer in layers[at + 1 : end + 1]), layers[end].bias
        )
        program.declare(*layer_symmetries(*steps[at][1], below, [reader]))
        if not bent[at]:
            through = layers[at + 1 : bent.index(True, at + 1) + 1]
            chain = tuple(layer.weights for layer in through)
            program.declare(Unseen(below.entering, (Reader(chain, None),)))
    return program.model(rows)


FAMILY = Family(
    name="factored",
    build=factored_model,
    exchangeable_inputs=lambda _: Fact(True, "first-layer weights have one law for all inputs"),
    reflectable_inputs=lambda _: Fact(True, EVEN_WEIGHTS),
    invariances=lambda *_: (),
)
