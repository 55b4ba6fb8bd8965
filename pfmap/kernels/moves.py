"""The moves that not every target has: slices need kept layers, bounces a gradient."""

from __future__ import annotations

from typing import Any

from .cached import fill_layers, set_weights
from .dispatch import by_target
from .move_bouncing import bounce_path
from .move_tilted import slice_tilted_units, tilted_block
from .move_units import new_block, slice_units
from .severity_losses import ModelLoss, NetworkLoss
from .severity_model_signs import ModelSigns
from .severity_signs import SignTarget, TiltedSigns

ONE = 1


def block_of(target: Any) -> Any:
    """Work for slices."""


def refresh(target: Any, state: Any, stale: Any, memory: Any) -> Any:
    """Set the weights to those of the state, and compute afresh what is kept of a network if it is
    stale."""


def slices(
    target: Any, threshold: Any, edges: Any, key: Any, stream: Any, n: Any, state: Any,
    memory: Any, block: Any,
) -> Any:  # fmt: skip
    """`slice_units` where layers are kept."""


def bounces(
    target: Any, threshold: Any, angle: Any, memory: Any, state: Any, momentum: Any, spare: Any
) -> Any:
    """`bounce_path` where there is a gradient."""


def _refresh(target, state, stale, memory):
    set_weights(target.scales, state, memory.weights)
    if stale:
        fill_layers(target.net, memory.weights, ONE, memory.cache)


def _slices(target, threshold, edges, key, stream, n, state, memory, block):
    return slice_units(target, threshold, edges, key, stream, n, state, memory, block)


def _tilted_slices(target, threshold, edges, key, stream, n, state, memory, block):
    return slice_tilted_units(target, threshold, edges, key, stream, n, state, memory, block)


def _no_refresh(target, state, stale, memory):
    pass


def _no_slices(target, threshold, edges, key, stream, n, state, memory, block):
    return -1.0, 0


def _no_bounces(target, threshold, angle, memory, state, momentum, spare):
    return -1.0, 0.0, 0


by_target(
    block_of,
    {
        SignTarget: lambda target: new_block(target.net),
        TiltedSigns: tilted_block,
        NetworkLoss: lambda target: new_block(target.net),
        ModelLoss: lambda target: 0,
        ModelSigns: lambda target: 0,
    },
    allocates=True,
)
by_target(
    refresh,
    {
        SignTarget: _refresh,
        TiltedSigns: _refresh,
        NetworkLoss: _refresh,
        ModelLoss: _no_refresh,
        ModelSigns: _no_refresh,
    },
)
by_target(
    slices,
    {
        SignTarget: _slices,
        TiltedSigns: _tilted_slices,
        NetworkLoss: _slices,
        ModelLoss: _no_slices,
        ModelSigns: _no_slices,
    },
)
by_target(
    bounces,
    {
        SignTarget: _no_bounces,
        TiltedSigns: _no_bounces,
        ModelSigns: _no_bounces,
        NetworkLoss: bounce_path,
        ModelLoss: bounce_path,
    },
)
