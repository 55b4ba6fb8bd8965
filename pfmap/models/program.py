"""Models as data: a builder of programs that the compiled interpreter runs.

A program is built from rows. A row holds one number per point of the domain: `Program.inputs` are
the first, and every step gives new ones. `Program.model` closes it into a model that every engine
takes. The families beside this file (convolutions, attention, …) are short functions over it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pfmap.activations import facts_of
from pfmap.arguments import checked_array, checked_number
from pfmap.errors import SettingsError
from pfmap.kernels import program_layout as layout
from pfmap.kernels.activation import code_of
from pfmap.kernels.family import PROGRAM
from pfmap.kernels.program_entry import load_program
from pfmap.kernels.vectors import WIDTH
from pfmap.models.layer import Layer
from pfmap.models.program_encoding import Step, closing_block, encoded, row_stride
from pfmap.models.program_model import ProgramModel
from pfmap.models.program_parameters import Parameters
from pfmap.models.symmetries import Symmetry

Rows = np.ndarray
"""Numbers of rows, int64."""

LINEAR = ("linear", 1)


class Program:
    """A program under construction.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.

    Attributes
    ----------
    inputs : ndarray of int64, shape (inputs,)
        The rows that hold the inputs.

    Raises
    ------
    SettingsError
        If the points are not finite, or not of that shape.

    Examples
    --------
    A network with a skip connection, relu(W x) + V x:

    >>> program = Program(np.array([[0.0, 1.0], [1.0, 1.0]]))
    >>> hidden = program.affine(program.inputs, 3, activation="relu")
    >>> through, past = program.affine(hidden, 1), program.affine(program.inputs, 1)
    >>> model = program.model(program.sums(np.array([[through[0], past[0]]])))
    >>> model.n_parameters, model.outputs(np.ones(model.n_parameters)).tolist()
    (16, [9.0, 13.0])
    """

    def __init__(self, points: np.ndarray) -> None:
        self._points = checked_array("points", points)
        if self._points.ndim != 2 or not self._points.size or not np.isfinite(self._points).all():
            raise SettingsError(
                f"points: must be finite of shape (P, inputs), got shape {self._points.shape}"
            )
        self.inputs: Rows = np.arange(self._points.shape[1])
        self._pulled = [False] * len(self.inputs)  # whether a row depends on parameters
        self._gives = [LINEAR] * len(self.inputs)
        self._steps: list[Step] = []
        self._constants: list[float] = []
        self._buffer = 0
        self._parameters = Parameters()
        self._symmetries: list[Symmetry] = []
        self._activations: list[tuple[str, int]] = []

    def affine(
        self,
        rows: Rows,
        units: int,
        *,
        activation: str = "linear",
        degree: int = 1,
        bias: bool = True,
        tied: bool = True,
    ) -> Rows:
        """New parameters: s(W x + b) of one set of rows, or of many sets.

        Parameters
        ----------
        rows : ndarray, shape (K,) or (G, K)
            What is summed. Of G sets, `tied` gives all the same parameters (a convolution has one
            set a position), else each has its own.
        units : int
            U, outputs of a set.
        activation, degree
            s, as in a campaign file.
        bias : bool, default True
            Whether there is b.

        Returns
        -------
        ndarray of int64, shape (U,) or (G, U)
        """
        sets = np.atleast_2d(self._checked(rows))
        below, own = sets.shape[1], 1 if tied else len(sets)
        declare, step = self._parameters.declare, len(self._steps)
        entered = self._parameters.new_units(own * units).reshape(own, units)
        weights = declare(step, np.stack([entered] * below, -1), below, units, is_bias=False)
        offsets = declare(step, entered, below, units, is_bias=True) if bias else None
        fields: Step = {
            layout.WEIGHT: int(weights.flat[0]),
            layout.WEIGHT_STEP: 0 if tied else units * below,
            layout.BIAS: layout.NONE if offsets is None else int(offsets.flat[0]),
            layout.BIAS_STEP: 0 if tied else units,
            layout.MAP: layout.NONE,
            layout.BIAS_MAP: layout.NONE,
        }
        out = self._affine(sets, units, fields, activation, degree, has_parameters=True)
        self._parameters.keep_layer(out, weights, offsets)
        return out if np.ndim(rows) == 2 else out[0]

    def layer(self, rows: Rows) -> Layer:
        """Numbers of the parameters of the `affine` or `free` step that gave these rows."""
        return self._parameters.layer_of(self._checked(rows))

    def declare(self, *symmetries: Symmetry) -> None:
        """State symmetries of the outputs, as `pfmap.models.symmetries` makes them."""
        self._symmetries += symmetries

    def units(self, count: int) -> np.ndarray:
        """Numbers of new units that `parameters` can enter, shape (count,)."""
        return self._parameters.new_units(count)

    def parameters(
        self,
        shape: tuple[int, ...],
        *,
        fan_in: int | np.ndarray,
        is_bias: bool = False,
        unit: np.ndarray | None = None,
    ) -> np.ndarray:
        """Numbers of new parameters for `mapped`, of any shape; `fan_in` sets the prior's scale.

        Each enters a unit of its own, or the `unit` that `units` gave; both may be arrays that
        broadcast to the shape.
        """
        count = int(np.prod(shape))
        entered = self.units(count).reshape(shape) if unit is None else np.broadcast_to(unit, shape)
        width = len(np.unique(entered))
        return self._parameters.declare(len(self._steps), entered, fan_in, width, is_bias=is_bias)

    def constants(self, values: np.ndarray) -> np.ndarray:
        """Numbers of new constants for `mapped`, below 0, of the shape of the values."""
        given = checked_array("values", values)
        if not np.isfinite(given).all():
            raise SettingsError("values: constants must be finite")
        first = len(self._constants)
        self._constants += given.ravel().tolist()
        return -1 - np.arange(first, len(self._constants)).reshape(given.shape)

    def mapped(
        self,
        rows: Rows,
        weights: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        activation: str = "linear",
        degree: int = 1,
    ) -> Rows:
        """s(W x + b) with every entry a named parameter or constant: tied, masked or frozen.

        Parameters
        ----------
        rows : ndarray, shape (K,) or (G, K)
            What is summed.
        weights : ndarray of int64, shape (U, K) or (G, U, K)
            What `parameters` and `constants` gave, in any arrangement.
        bias : ndarray of int64, shape (U,) or (G, U), optional
            The same for b; None for none.

        Returns
        -------
        ndarray of int64, shape (U,) or (G, U)

        Raises
        ------
        SettingsError
            If the shapes differ or a number is unknown.
        """
        sets = np.atleast_2d(self._checked(rows))
        entries = np.asarray(weights)[None] if np.ndim(rows) == 1 else np.asarray(weights)
        units = entries.shape[1] if entries.ndim == 3 else 0
        offsets = None if bias is None else np.asarray(bias).reshape(len(sets), units)
        if entries.shape != (len(sets), units, sets.shape[1]):
            raise SettingsError(
                f"weights: must have one entry a unit and row, {sets.shape} rows, got "
                f"{np.shape(weights)}"
            )
        used = entries.ravel() if offsets is None else np.r_[entries.ravel(), offsets.ravel()]
        if used.size and not (
            -len(self._constants) <= used.min() <= used.max() < len(self._parameters)
        ):
            raise SettingsError(
                "weights: must be numbers that parameters() and constants() of this program gave"
            )
        fields: Step = {
            layout.WEIGHT: 0,
            layout.WEIGHT_STEP: 0,
            layout.BIAS: layout.NONE,
            layout.BIAS_STEP: 0,
            layout.MAP: entries,
            layout.BIAS_MAP: layout.NONE if offsets is None else offsets,
        }
        has_parameters = bool((used >= 0).any())
        out = self._affine(sets, units, fields, activation, degree, has_parameters=has_parameters)
        return out if np.ndim(rows) == 2 else out[0]

    def free(self, count: int, *, fan_in: int = 1) -> Rows:
        """Rows that are parameters themselves, equal at all points, such as position vectors."""
        entries = np.empty((1, count, 0), dtype=np.int64)
        values = self.parameters((1, count), fan_in=fan_in)
        out = self.mapped(np.empty((1, 0), dtype=np.int64), entries, values)
        self._parameters.keep_layer(out, entries, values)
        return out[0]

    def products(self, left: Rows, right: Rows, *, scale: float = 1.0) -> Rows:
        """Rows `scale` Σ_j left[o, j] right[o, j], of two arrays of shape (outputs, terms)."""
        first, second = (np.atleast_2d(self._checked(rows)) for rows in (left, right))
        if first.shape != second.shape:
            raise SettingsError(f"right: must have the shape {first.shape}, got {second.shape}")
        pulled = self._is_pulled(first) or self._is_pulled(second)
        return self._add(
            layout.DOT, first, len(first), LINEAR, pulled,
            {layout.SIZE: first.shape[1], layout.SECOND: second, layout.SCALE: self._number(scale)},
        )  # fmt: skip

    def sums(self, rows: Rows, *, scale: float = 1.0) -> Rows:
        """Rows `scale` Σ_j rows[o, j]: skip connections, and means with 1/J."""
        terms = np.atleast_2d(self._checked(rows))
        fields = {layout.SIZE: terms.shape[1], layout.SCALE: self._number(scale)}
        return self._add(layout.SUM, terms, len(terms), LINEAR, self._is_pulled(terms), fields)

    def softmax(self, groups: Sequence[Rows]) -> list[Rows]:
        """e^x / Σ e^x within every group of rows; groups may differ in size."""
        sets = [self._checked(group).ravel() for group in groups]
        terms = np.concatenate(sets)
        starts = np.r_[0, np.cumsum([len(group) for group in sets])]
        fields = {layout.SIZE: 0, layout.STARTS: starts}
        out = self._add(
            layout.SOFTMAX, terms, len(terms), ("softmax", 1), self._is_pulled(terms), fields,
            groups=len(sets),
        )  # fmt: skip
        self._buffer = max(self._buffer, 2 * self._wide)
        return np.split(out, starts[1:-1])

    def norm(self, rows: Rows, *, epsilon: float = 1e-5) -> Rows:
        """(x - mean) / sqrt(variance + ε) within every group, rows of shape (groups, size).

        With ε = 0 it is NaN where all of a group agree.
        """
        sets = np.atleast_2d(self._checked(rows))
        checked_number("epsilon", epsilon, least=0.0)
        spreads = self._new(len(sets), LINEAR, pulled=False)
        fields = {
            layout.SIZE: sets.shape[1],
            layout.EPSILON: self._number(epsilon),
            layout.SPREADS: spreads,
        }
        self._buffer = max(self._buffer, 2 * self._wide)
        out = self._add(
            layout.NORM, sets, sets.size, LINEAR, self._is_pulled(sets), fields, groups=len(sets)
        )
        return out.reshape(sets.shape)

    def model(self, outputs: Rows, targets: np.ndarray | None = None) -> ProgramModel:
        """Close the program.

        Parameters
        ----------
        outputs : ndarray, shape (outputs,)
            The rows that are the outputs.
        targets : ndarray, optional
            One per output and point, outputs first; 0 by default.

        Raises
        ------
        SettingsError
            If there is no parameter, or the targets do not fit.
        """
        rows = self._checked(outputs).ravel()
        if not len(self._parameters) or not rows.size:
            raise SettingsError("program: must have parameters and outputs")
        load_program()
        n_points, d = len(self._points), len(self._parameters)
        head = [
            len(self._pulled), row_stride(self._wide), self._wide, n_points, len(self.inputs),
            self._buffer,
        ]  # fmt: skip
        ints = encoded(self._steps, head, rows, d)
        floats = np.r_[self._points.T.ravel(), np.array(self._constants)]
        ranges = tuple(self._gives[row] for row in rows)
        zeros = np.zeros(len(rows) * n_points)
        model = ProgramModel(
            PROGRAM, ints, floats, zeros, d, n_points, self._parameters.origins(),
            tuple(self._activations), ranges, closing_block(self._steps, rows, d),
            tuple(self._symmetries),
        )  # fmt: skip
        return model if targets is None else model.with_targets(targets)

    @property
    def _wide(self) -> int:
        """Points, padded."""
        return -(-len(self._points) // WIDTH) * WIDTH

    def _checked(self, rows: Rows) -> Rows:
        """`rows` as int64; SettingsError unless this program has them."""
        found = np.asarray(rows, dtype=np.int64)
        if found.size and not 0 <= found.min() <= found.max() < len(self._pulled):
            raise SettingsError("rows: must be rows of this program")
        return found

    def _affine(
        self,
        sets: np.ndarray,
        units: int,
        fields: Step,
        activation: str,
        degree: int,
        *,
        has_parameters: bool,
    ) -> Rows:
        """An AFFINE step."""
        facts_of(activation, degree)
        for group in sets:
            moving = [row for row in group if self._pulled[row]]
            if len(set(moving)) < len(moving):
                raise SettingsError("rows: no row may stand twice in one sum of an affine step")
        pulled = self._is_pulled(sets)
        fields |= {
            layout.SIZE: units,
            layout.N_BELOW: sets.shape[1],
            layout.CODE: code_of(activation),
            layout.POWER: degree,
        }
        if pulled or has_parameters:
            self._activations.append((activation, degree))
        self._buffer = max(self._buffer, 2 * units * sets.shape[1] + units)
        out = self._add(
            layout.AFFINE, sets, len(sets) * units, (activation, degree), pulled, fields,
            groups=len(sets), moves=pulled or has_parameters,
        )  # fmt: skip
        return out.reshape(len(sets), units)

    def _add(
        self,
        kind: int,
        rows: np.ndarray,
        n_out: int,
        gives: tuple[str, int],
        pulled: bool,
        fields: Step,
        *,
        groups: int | None = None,
        moves: bool | None = None,
    ) -> Rows:
        """Any step; its new rows."""
        out = self._new(n_out, gives, pulled if moves is None else moves)
        self._steps.append(
            {
                layout.KIND: kind,
                layout.N_GROUPS: n_out if groups is None else groups,
                layout.IN: rows,
                layout.OUT: out,
                layout.PULLED: int(pulled),
                **fields,
            }
        )
        return out

    def _new(self, count: int, gives: tuple[str, int], pulled: bool) -> Rows:
        first = len(self._pulled)
        self._pulled += [pulled] * count
        self._gives += [gives] * count
        return np.arange(first, first + count)

    def _is_pulled(self, rows: np.ndarray) -> bool:
        return any(self._pulled[row] for row in rows.ravel())

    def _number(self, value: float) -> int:
        """Position of a number among the constants."""
        self._constants.append(float(value))
        return len(self._constants) - 1
