"""Convolutions over one or two dimensions, means over positions, and a linear readout."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np

from pfmap.arguments import checked_integer
from pfmap.errors import SettingsError
from pfmap.models.families._family import Fact, Family, Invariance
from pfmap.models.layer import Reader
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import layer_symmetries


def convolution_model(
    points: np.ndarray,
    channels: tuple[int, ...],
    *,
    kernel: int = 3,
    size: tuple[int, ...] | None = None,
    input_channels: int = 1,
    padding: Literal["circular", "none"] = "circular",
    pooling: Literal["mean", "none"] = "mean",
    outputs: int = 1,
    activation: str = "relu",
    degree: int = 1,
) -> ProgramModel:
    """Layers of s(w * h + b) with weights shared by all positions, then a linear readout.

    With circular padding and pooling a translation of the inputs changes no output: the functions
    of the model are invariant, whatever the weights.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain; inputs are positions, channel by channel, the last dimension running fastest.
    channels : tuple of int
        Channels of every layer.
    kernel : int, default 3
        Positions of a window, along every dimension; odd for circular padding, so that the window
        has a middle.
    size : tuple of int, optional
        Positions along each of one or two dimensions; all inputs of a channel along one by default.
    input_channels : int, default 1
        Channels of the input.
    padding : {"circular", "none"}
        Whether windows run around the edges, or only those that fit are taken.
    pooling : {"mean", "none"}
        Whether the readout sees the mean of a channel over positions, or every position.
    outputs : int, default 1
    activation, degree
        s, as in a campaign file.

    Returns
    -------
    ProgramModel
        With targets 0; channel weights in the order [channel, channel below, window]. Channels
        have the symmetries that units have (`layer_symmetries`).

    Raises
    ------
    SettingsError
        If sizes do not fit each other.

    Examples
    --------
    >>> cube = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> model = convolution_model(cube, (4,), kernel=3)
    >>> outputs = model.outputs(np.linspace(-1.0, 1.0, model.n_parameters))
    >>> model.n_parameters, bool(np.isclose(outputs[0], outputs[1]))  # one point turned around
    (21, True)
    """
    kernel = checked_integer("kernel", kernel, least=1)
    program = Program(points)
    depth = checked_integer("input_channels", input_channels, least=1)
    if len(program.inputs) % depth:
        raise SettingsError(
            f"input_channels: must divide the {len(program.inputs)} inputs, got {depth}"
        )
    each = len(program.inputs) // depth
    shape = (each,) if size is None else tuple(size)
    if len(shape) not in (1, 2) or int(np.prod(shape)) != each:
        raise SettingsError(
            f"size: must be one or two numbers whose product is the {each} inputs of a channel, "
            f"got {shape}"
        )
    if not channels or min(channels) < 1:
        raise SettingsError(f"channels: must be at least one number above 0, got {channels}")
    if padding == "circular" and kernel % 2 == 0:
        raise SettingsError(
            f"kernel: must be odd with circular padding, got {kernel}",
            next_step='take an odd one, or padding="none"',
        )
    # Planes of rows: [channel, position, …].
    planes = program.inputs.reshape(depth, *shape)
    layers = []
    for count in channels:
        windows = _windows(planes, kernel, circular=padding == "circular")
        places = windows.shape[1:-1] if planes.ndim == 2 else windows.shape[1:3]
        sets = np.moveaxis(windows, 0, len(places)).reshape(int(np.prod(places)), -1)
        hidden = program.affine(sets, count, activation=activation, degree=degree)
        planes = hidden.T.reshape(count, *places)
        layers.append(program.layer(hidden))
    seen = planes.reshape(len(planes), -1)
    if pooling == "mean":
        seen = program.sums(seen, scale=1.0 / seen.shape[1])
    read = program.affine(seen.ravel(), checked_integer("outputs", outputs, least=1))
    for below, above in itertools.pairwise([*layers, program.layer(read)]):
        windows = above.weights.reshape(len(above.weights), len(below.weights), -1)
        reader = Reader((windows,), above.bias)
        program.declare(*layer_symmetries(activation, degree, below, [reader]))
    return program.model(read)


def _windows(planes: np.ndarray, kernel: int, *, circular: bool) -> np.ndarray:
    """Windows around or from every position, shape (channels, positions …, kernel …)."""
    axes = tuple(range(1, planes.ndim))
    short = [planes.shape[axis] for axis in axes if planes.shape[axis] < kernel]
    if short:
        raise SettingsError(
            f"kernel: must be at most the {short[0]} positions that a layer has, got {kernel}"
        )
    if circular:
        edge = [(0, 0)] + [(kernel // 2, kernel // 2)] * len(axes)
        planes = np.pad(planes, edge, mode="wrap")
    return np.lib.stride_tricks.sliding_window_view(planes, (kernel,) * len(axes), axis=axes)


def _turns(keywords: dict[str, Any], inputs: int) -> tuple[Invariance, ...]:
    """Turns by one place along each dimension, where windows and means run around the edges."""
    channels = keywords["input_channels"]
    if keywords["padding"] != "circular" or keywords["pooling"] != "mean" or inputs % channels:
        return ()
    size = keywords["size"] or (inputs // channels,)
    if int(np.prod(size)) * channels != inputs:
        return ()
    places = np.arange(inputs).reshape(channels, *size)
    return tuple(
        Invariance(tuple(np.roll(places, 1, axis=axis).ravel().tolist()), "turning the inputs")
        for axis in range(1, places.ndim)
    )


FAMILY = Family(
    name="convolution",
    build=convolution_model,
    exchangeable_inputs=lambda _: Fact(False, "windows see neighbouring inputs together"),
    reflectable_inputs=lambda _: Fact(False, "all windows share the weights that a flip changes"),
    invariances=_turns,
)
