"""What a traced module's values become: rows of a program, or its numbers of parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from pfmap.models.program import Program, Rows


class NoCounterpart(Exception):
    """Something in a module that pfmap's steps cannot make; its text says what."""


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor as rows.

    Attributes
    ----------
    rows : ndarray of int64
        Of the tensor's shape, but with one place where it has the P points, the first axis.
    points : bool
        Whether it has points: what is made of parameters alone has none, and its own first axis.
    """

    rows: Rows
    points: bool = True

    def axis(self, dim: int) -> int:
        """The axis that a dimension is, counted from the front; `NoCounterpart` for the points."""
        axis = dim % self.rows.ndim
        if axis == 0 and self.points:
            raise NoCounterpart("an operation across points")
        return axis

    def having(self, rows: Rows) -> Value:
        """The same with other rows."""
        return dataclasses.replace(self, rows=rows)


class Canvas:
    """A program under construction, and where a module's parameters stand in it.

    Parameters
    ----------
    points : ndarray, shape (P, …)
    names : dict of int to str
        Name of every trainable parameter, by the id of its tensor.

    Attributes
    ----------
    program : Program
    places : dict of str to ndarray of int64
        Numbers of the parameters that were placed.
    """

    def __init__(self, points: np.ndarray, names: dict[int, str]) -> None:
        self.program = Program(points.reshape(len(points), -1))
        self.points = Value(self.program.inputs.reshape(1, *points.shape[1:]))
        self.n_points = len(points)
        self.places: dict[str, np.ndarray] = {}
        self._names = names
        self._count = 0
        self._fixed: dict[int, tuple[torch.Tensor, np.ndarray]] = {}

    def affine(
        self,
        sets: Rows,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: tuple[str, int] = ("linear", 1),
    ) -> Rows:
        """s(W x + b) of sets of rows, shape (G, K), W of shape (U, …) with K numbers a unit.

        One affine step where W and b are trainable and used for the first time; else every entry by
        itself, shared with where it was used before, or frozen.
        """
        units, below = len(weight), sets.shape[1]
        name, degree = activation
        used = [weight] if bias is None else [weight, bias]
        if all(self._is_new(tensor) for tensor in used) and weight is not bias:
            out = self.program.affine(
                sets if len(sets) > 1 else sets[0], units, activation=name, degree=degree,
                bias=bias is not None,
            )  # fmt: skip
            for tensor in used:
                self._place(tensor)
            return out.reshape(len(sets), units)
        entries = self.entries(weight, fan_in=below).reshape(units, below)
        offsets = None if bias is None else self.entries(bias, fan_in=below, is_bias=True)
        return self.mapped(sets, entries, offsets, activation)

    def mapped(
        self,
        sets: Rows,
        entries: np.ndarray,
        offsets: np.ndarray | None,
        activation: tuple[str, int] = ("linear", 1),
    ) -> Rows:
        """The same from numbers of entries: (U, K) for all sets or (G, U, K); (U,) or (G, U)."""
        units = entries.shape[-2]
        return self.program.mapped(
            sets,
            np.broadcast_to(entries, (len(sets), units, sets.shape[1])),
            None if offsets is None else np.broadcast_to(offsets, (len(sets), units)),
            activation=activation[0],
            degree=activation[1],
        )

    def entries(
        self, tensor: torch.Tensor, *, fan_in: int = 1, is_bias: bool = False
    ) -> np.ndarray:
        """Numbers of a tensor's entries: parameters if it is trainable, else constants."""
        name = self._names.get(id(tensor))
        if name is None:
            if id(tensor) not in self._fixed:
                values = tensor.detach().double().numpy()
                # Kept with its numbers, so that no other tensor comes by its id.
                self._fixed[id(tensor)] = tensor, self.program.constants(values)
            return self._fixed[id(tensor)][1]
        if name not in self.places:
            self.program.parameters(tuple(tensor.shape), fan_in=fan_in, is_bias=is_bias)
            self._place(tensor)
        return self.places[name]

    def value(self, given: Any) -> Value:
        """A value as it is, and a tensor without points as rows that are equal at all of them."""
        if isinstance(given, Value):
            return given
        if not isinstance(given, torch.Tensor):
            raise NoCounterpart(f"an operation on {type(given).__name__}")
        entries = self.entries(given)
        nothing = np.empty((1, 0), dtype=np.int64)
        rows = self.mapped(nothing, np.empty((entries.size, 0), dtype=np.int64), entries.ravel())
        return Value(rows.reshape(entries.shape), points=False)

    def valued(self, given: Any) -> Any:
        """A parameter as a value, and anything else as it is."""
        return self.value(given) if self.is_trainable(given) else given

    def zero(self) -> int:
        """A row of zeros."""
        nothing = np.empty((1, 0), dtype=np.int64)
        zero = self.program.constants(np.zeros(1))
        return int(self.mapped(nothing, np.empty((1, 0), dtype=np.int64), zero)[0, 0])

    def is_trainable(self, given: Any) -> bool:
        """Whether something is a parameter of the model."""
        return id(given) in self._names

    def _is_new(self, tensor: torch.Tensor) -> bool:
        name = self._names.get(id(tensor))
        return name is not None and name not in self.places

    def _place(self, tensor: torch.Tensor) -> None:
        """The program's next parameters are those of a tensor."""
        numbers = np.arange(self._count, self._count + tensor.numel())
        self.places[self._names[id(tensor)]] = numbers.reshape(tuple(tensor.shape))
        self._count += tensor.numel()
