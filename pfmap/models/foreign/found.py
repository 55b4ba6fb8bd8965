"""What comes of a model of another library."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.models.base import CompiledModel
from pfmap.models.program_model import ProgramModel

if TYPE_CHECKING:
    from .torch_model import TorchModel


@dataclasses.dataclass(frozen=True, repr=False)
class ForeignModel(Displayed):
    """A model of another library as pfmap has it, with its weights.

    Attributes
    ----------
    kind : str
        What `model` is: ``native network`` | ``native program`` | ``own``. The first two run in
        pfmap's compiled kernels; ``own`` calls the other library for every loss, and every engine
        that takes a model of one's own takes it.
    because : str
        Why it is not native: the layer that has no counterpart; empty if it is.
    model : CompiledModel or TorchModel
        With the targets that were given.
    weights : ndarray of float64, shape (d,)
        The parameters in the order of `model`.
    places : dict of str to ndarray of int64
        For every parameter of the other library, by its name there, an array of its shape: where
        its entries stand in `weights`.
    difference : float
        Largest difference from the other library, over max(1, largest value): of outputs, and of
        gradients where that library has them.
    """

    SHOWN: ClassVar = ("kind", "because", "model", "weights", "difference")

    kind: str
    because: str
    model: CompiledModel | TorchModel
    weights: np.ndarray
    places: dict[str, np.ndarray]
    difference: float


def native_kind(model: CompiledModel) -> str:
    """`ForeignModel.kind` of a compiled model."""
    return "native program" if isinstance(model, ProgramModel) else "native network"
