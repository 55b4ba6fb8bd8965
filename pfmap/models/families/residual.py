"""Residual networks: blocks of two layers beside a path that skips them, with or without norms."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_integer
from pfmap.models.families._family import EVEN_WEIGHTS, Fact, Family
from pfmap.models.layer import Layer, Reader
from pfmap.models.linear_spaces import LateChange, Shift, Unseen
from pfmap.models.normed_path import Norm, NormedPath
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import Symmetry, basis_change, layer_symmetries, rescaling


def residual_model(
    points: np.ndarray,
    width: int,
    *,
    blocks: int = 1,
    outputs: int = 1,
    activation: str = "relu",
    degree: int = 1,
    norm: bool = False,
    epsilon: float = 1e-5,
) -> ProgramModel:
    """h_0 = W x + b, h_i = h_(i-1) + V_i s(U_i N(h_(i-1)) + a_i) + c_i, f = R N(h) + r.

    N is the identity, or with `norm` the normalisation over units of every point,
    (h - mean)/sqrt(variance + ε), times a gain and plus an offset a unit (He and others 2016,
    arXiv 1603.05027, pre-activation; Ba, Kiros, Hinton 2016, arXiv 1607.06450).

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    width : int
        Units of every layer.
    blocks : int, default 1
        Number of blocks.
    outputs : int, default 1
        Number of outputs.
    activation, degree
        s, as in a campaign file.
    norm : bool, default False
        Whether N normalises.
    epsilon : float, default 1e-5
        ε. With 0 outputs are the same for every multiple of the path, and NaN at a point where all
        units of the path agree.

    Returns
    -------
    ProgramModel
        With targets 0. Parameters in the order W, b, for each block (gain, offset), U, a, V, c,
        then (gain, offset), R, r. It declares changes of basis and shifts of the path, or what
        norms leave of them (`NormedPath`), and what units have.

    Raises
    ------
    SettingsError
        If a number is out of range, or the points are not finite.

    Examples
    --------
    >>> model = residual_model(np.array([[0.0], [1.0], [2.0]]), 4, blocks=2)
    >>> model.n_parameters  # 8 + 2 (20 + 20) + 5
    93
    """
    width = checked_integer("width", width, least=1)
    program = Program(points)
    path = program.affine(program.inputs, width)
    writes, reads, norms = [program.layer(path)], [], []

    def read_by(rows: np.ndarray, units: int, activation: str, degree: int) -> np.ndarray:
        """A layer that reads the path."""
        if norm:
            rows = _normed(program, rows, epsilon)
            norms.append(program.layer(rows))
        read = program.affine(rows, units, activation=activation, degree=degree)
        reads.append(program.layer(read))
        return read

    for _ in range(checked_integer("blocks", blocks, least=1)):
        hidden = read_by(path, width, activation, degree)
        given = program.affine(hidden, width)
        path = program.sums(np.stack([path, given], axis=1))
        writes.append(program.layer(given))
        reader = Reader((writes[-1].weights,), writes[-1].bias)
        program.declare(*layer_symmetries(activation, degree, reads[-1], [reader]))
    out = read_by(path, checked_integer("outputs", outputs, least=1), "linear", 1)
    if norm:
        program.declare(*_normed_symmetries(writes, norms, reads, epsilon))
    else:
        program.declare(*_path_symmetries(writes, reads))
    return program.model(out)


def _normed(program: Program, rows: np.ndarray, epsilon: float) -> np.ndarray:
    """N: the norm, then a gain and an offset of its own for every unit."""
    normed = program.norm(rows[None], epsilon=epsilon)[0]
    return program.affine(normed[:, None], 1, tied=False)[:, 0]


def _path_symmetries(writes: list[Layer], reads: list[Layer]) -> list[Symmetry]:
    """Changes of basis of the path, and of all that writes into it shifts and what is not read."""
    found: list[Symmetry] = [
        basis_change([layer.entering for layer in writes], [layer.weights for layer in reads])
    ]
    for at, layer in enumerate(writes):
        later = tuple(Reader((read.weights,), read.bias) for read in reads[at:])
        found += [Shift(layer.biases, later), Unseen(layer.entering, later)]
        if at:
            early = np.concatenate([write.weights for write in writes[:at]], axis=1)
            constants = np.column_stack([write.biases for write in writes[:at]])
            late = tuple(write.entering for write in writes[at:])
            found.append(LateChange(early, constants, 1.0, late, later))
    return found


def _normed_symmetries(
    writes: list[Layer], norms: list[Layer], reads: list[Layer], epsilon: float
) -> list[Symmetry]:
    """Gains and offsets against the layers that read them, and what the norm does not see."""
    found: list[Symmetry] = []
    parts = []
    for norm, read in zip(norms, reads, strict=True):
        gain, offset = norm.weights.ravel(), norm.biases.ravel()
        found += [
            rescaling(np.column_stack([gain, offset]), read.weights.T),
            Shift(offset, (Reader((read.weights,), read.bias),)),
        ]
        parts.append(Norm(gain, offset, read.weights, read.biases))
    return [*found, NormedPath(tuple(layer.entering for layer in writes), tuple(parts), epsilon)]


FAMILY = Family(
    name="residual",
    build=residual_model,
    exchangeable_inputs=lambda _: Fact(True, "first-layer weights have one law for all inputs"),
    reflectable_inputs=lambda _: Fact(True, EVEN_WEIGHTS),
    invariances=lambda *_: (),
)
