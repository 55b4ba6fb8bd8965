"""The parameters of a program under construction: where each stands, and which layer has which."""

from __future__ import annotations

import numpy as np

from pfmap.errors import SettingsError
from pfmap.models.layer import Layer
from pfmap.models.program_model import Origins


class Parameters:
    """Parameters in the order in which steps declare them."""

    def __init__(self) -> None:
        self._origins: list[tuple[int, int, int, int, bool]] = []
        self._units = 0
        self._layers: dict[int, Layer] = {}

    def __len__(self) -> int:
        return len(self._origins)

    def new_units(self, count: int) -> np.ndarray:
        """Numbers of new units for parameters to enter."""
        self._units += count
        return np.arange(self._units - count, self._units)

    def declare(
        self, step: int, units: np.ndarray, fan_in: np.ndarray | int, width: int, *, is_bias: bool
    ) -> np.ndarray:
        """Numbers of new parameters, one for each entry of `units`, of its shape."""
        fans = np.broadcast_to(fan_in, units.shape)
        first = len(self._origins)
        self._origins += [
            (step, int(unit), int(fan), width, is_bias)
            for unit, fan in zip(units.ravel(), fans.ravel(), strict=True)
        ]
        return np.arange(first, len(self._origins)).reshape(units.shape)

    def keep_layer(self, rows: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> None:
        """Remember the parameters of the affine step that gives `rows`."""
        shared = len(weights) == 1
        layer = Layer(
            weights[0] if shared else weights, bias if bias is None or not shared else bias[0]
        )
        self._layers |= dict.fromkeys(rows.ravel().tolist(), layer)

    def layer_of(self, rows: np.ndarray) -> Layer:
        """The layer that gave `rows`, all of it; SettingsError where no one step did."""
        found = [self._layers.get(row) for row in rows.ravel().tolist()]
        if not found or found[0] is None or any(layer is not found[0] for layer in found):
            raise SettingsError(
                "rows: must be what one affine or free step of this program gave",
                next_step="pass the rows that affine() returned",
            )
        return found[0]

    def origins(self) -> Origins:
        """Where every parameter stands."""
        step, unit, fan_in, units, is_bias = map(np.array, zip(*self._origins, strict=True))
        return Origins(step, unit, fan_in, units, is_bias)
