"""Layers of a network among named arrays, as pfmap and other libraries name and order them.

A matrix is (out, in), units by units below, or (in, out), its transpose. Shapes tell which, except
where a matrix is square; then the names tell, where they are those of a library whose order is
known and no other matrix of the file contradicts it. What is left is asked for, never guessed.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.settings.network import Network

ORDERS = ("out,in", "in,out")


@dataclasses.dataclass(frozen=True)
class Naming:
    """How a library names its arrays.

    Attributes
    ----------
    library : str
        Whose names they are.
    matrix, bias : str
        Patterns; what they capture is the layer's name.
    order : str
        Of its matrices: out,in | in,out; empty where everybody does as they like.
    """

    library: str
    matrix: str
    bias: str
    order: str


NAMINGS = (
    Naming("W and b", r"W(\d+)", r"b(\d+)", ""),
    Naming("scikit-learn", r"coefs?_{0,2}(\d+)", r"intercepts?_{0,2}(\d+)", "in,out"),
    Naming("PyTorch", r"(|.*[./])weight", r"(|.*[./])bias", "out,in"),
    Naming("Keras or Flax", r"(|.*[./])kernel(?::0)?", r"(|.*[./])bias(?::0)?", "in,out"),
    Naming("no names", r"arr_(\d+)", r"arr_(\d+)", ""),
)


@dataclasses.dataclass(frozen=True, repr=False)
class Layer(Displayed):
    """One layer as it was found.

    Attributes
    ----------
    matrix_name, bias_name : str
        Arrays of the file; no bias: empty.
    shape : tuple of int
        Of the matrix in the file.
    order : str
        out,in | in,out: what the matrix was taken for.
    because : str
        What tells the order.
    """

    matrix_name: str
    bias_name: str
    shape: tuple[int, ...]
    order: str
    because: str

    def described(self) -> dict[str, Any]:
        """As a row for people and programs."""
        return {
            "matrix": self.matrix_name,
            "shape": "×".join(map(str, self.shape)),
            "order": self.order,
            "because": self.because,
            "bias": self.bias_name or None,
        }


@dataclasses.dataclass(frozen=True, repr=False)
class FoundLayers(Displayed):
    """The layers of a file.

    Attributes
    ----------
    library : str
        Whose names the arrays have.
    layers : tuple of Layer
        Input side first.
    vector : ndarray of float64, shape (d,)
        The parameters in the order of `pfmap.models.network.unflatten`.
    """

    SHOWN: ClassVar = ("library", "layers", "vector")

    library: str
    layers: tuple[Layer, ...]
    vector: np.ndarray


def find_layers(
    path: Path,
    arrays: dict[str, np.ndarray],
    network: Network,
    order: str | None,
    *,
    in_order: bool = True,
) -> FoundLayers:
    """The layers of `network` among the arrays of a file.

    Parameters
    ----------
    path : Path
        The file, for messages.
    arrays : dict
        Its arrays, in the order in which they stand there.
    network : Network
        What the layers must fit.
    order : str, optional
        out,in | in,out: of the matrices whose shape leaves it open; None takes what names tell.
    in_order : bool, default True
        Whether the arrays stand in the order in which they were written.

    Raises
    ------
    SettingsError
        If nothing tells the order of a square matrix and `order` is None, or that of the layers.
    DataError
        If arrays are missing, left over, of a wrong shape, or not finite numbers.

    Examples
    --------
    >>> arrays = {"coefs_0": np.ones((3, 2)), "intercepts_0": np.zeros(2),
    ...           "coefs_1": np.ones((2, 1)), "intercepts_1": np.zeros(1)}
    >>> found = find_layers(Path("mlp.npz"), arrays, Network(widths=(3, 2, 1)), None)
    >>> found.library, [layer.order for layer in found.layers]
    ('scikit-learn', ['in,out', 'in,out'])
    """
    if order is not None and order not in ORDERS:
        raise SettingsError(f"order: must be out,in or in,out, got {order!r}")
    naming = _naming_of(path, arrays)
    matrices, biases = _sorted_names(path, arrays, naming)
    n_layers = len(network.widths) - 1
    _check_counts(path, arrays, network, matrices, biases)
    if not in_order and n_layers > 1 and _differing(matrices) is None:
        raise SettingsError(
            f"{path}: nothing tells which layer comes first: the file does not keep the order in "
            f"which {', '.join(matrices)} were written",
            next_step="write names with the number of the layer, such as 0.weight, or a file of "
            "PyTorch or NumPy",
        )
    values = {name: finite_numbers(path, name, arrays[name]) for name in (*matrices, *biases)}
    shapes = [(units, below) for below, units in itertools.pairwise(network.widths)]
    for name, shape in zip(matrices, shapes, strict=True):
        if values[name].shape not in (shape, shape[::-1]):
            raise DataError(
                f"{path}: {name}: must have shape {shape} (units, units below) or its transpose "
                f"for the widths {list(network.widths)}, found {values[name].shape}",
                next_step=_fitting_widths([values[name].shape for name in matrices]),
            )
    open_order, because = _open_order(naming, [values[name] for name in matrices], shapes, order)
    parts, layers = [], []
    for i in range(n_layers):
        matrix, bias = matrices[i], biases[i] if biases else ""
        taken, reason = _order_of(values[matrix], shapes[i], open_order, because, naming)
        if not taken:
            raise SettingsError(
                f"{path}: {matrix}: nothing tells whether its {values[matrix].shape[0]} rows are "
                "units or inputs: it is square, and "
                + (
                    f"{naming.library}'s {naming.order} does not fit the other matrices"
                    if naming.order
                    else "its name is used for both"
                ),
                next_step="give --order out,in (rows are units, as in PyTorch) or --order in,out "
                "(rows are inputs, as in scikit-learn and Keras)",
            )
        parts.append(values[matrix] if taken == "out,in" else values[matrix].T)
        if bias:
            parts.append(_bias(path, bias, values[bias], shapes[i][0]))
        layers.append(Layer(matrix, bias, values[matrix].shape, taken, reason))
    vector = np.concatenate([np.ravel(part) for part in parts])
    return FoundLayers(naming.library, tuple(layers), vector)


def _naming_of(path: Path, arrays: dict[str, np.ndarray]) -> Naming:
    """Whose names they are: those of the first naming that has a place for every matrix."""
    matrices = [name for name, values in arrays.items() if np.ndim(values) >= 2]
    for naming in NAMINGS:
        if any(re.fullmatch(naming.matrix, name) for name in matrices or arrays):
            return naming
    raise DataError(
        f"{path}: must hold the vector weights, or the matrices and biases of layers under names "
        f"such as W1 and b1, coefs_0 and intercepts_0, 0.weight and 0.bias; found "
        f"{', '.join(sorted(arrays)) or 'nothing'}",
        next_step="np.savez(FILE, *mlp.coefs_, *mlp.intercepts_) for scikit-learn; for PyTorch "
        "np.savez(FILE, **{k: v.numpy() for k, v in net.state_dict().items()})",
    )


def _sorted_names(
    path: Path, arrays: dict[str, np.ndarray], naming: Naming
) -> tuple[list[str], list[str]]:
    """Names of the matrices and of their biases, input side first."""
    found: dict[str, dict[str, str]] = {"matrix": {}, "bias": {}}
    unused = []
    for name, values in arrays.items():
        if naming.matrix == naming.bias:  # told apart by their dimensions alone
            kind = "matrix" if np.ndim(values) == 2 else "bias"
        else:
            kind = "matrix" if re.fullmatch(naming.matrix, name) else "bias"
        match = re.fullmatch(getattr(naming, kind), name)
        if match is None:
            unused.append(name)
        else:
            found[kind][match[1]] = name
    if unused:
        raise DataError(
            f"{path}: must hold nothing but the matrices and biases of the layers, found "
            f"{', '.join(sorted(unused))} beside {', '.join(found['matrix'].values())}",
            next_step="leave the arrays out; other kinds of layers are not in this network",
        )
    order = sorted(found["matrix"], key=_place(list(found["matrix"])))
    matrices = [found["matrix"][layer] for layer in order]
    if naming.matrix == naming.bias:
        return matrices, [found["bias"][layer] for layer in sorted(found["bias"], key=int)]
    lone = sorted(set(found["matrix"]) ^ set(found["bias"]))
    if found["bias"] and lone:
        named = [found[kind][layer] for layer in lone for kind in found if layer in found[kind]]
        raise DataError(
            f"{path}: every layer must have a matrix and a bias, found {', '.join(named)} alone",
            next_step="write zeros for a bias that is not there",
        )
    return matrices, [found["bias"][layer] for layer in order] if found["bias"] else []


def _place(layers: list[str]) -> Any:
    """What sorts layers: the one number in which their names differ, else their place in the file.

    Examples
    --------
    >>> sorted(["net.10.", "net.2."], key=_place(["net.10.", "net.2."]))
    ['net.2.', 'net.10.']
    >>> sorted(["out.", "in."], key=_place(["out.", "in."]))
    ['out.', 'in.']
    """
    place = _differing(layers)
    return layers.index if place is None else lambda layer: int(re.split(r"(\d+)", layer)[place])


def _differing(names: list[str]) -> int | None:
    """Which part of the names, split at numbers, is the one number in which they differ."""
    split = [re.split(r"(\d+)", name) for name in names]
    same_length = len({len(parts) for parts in split}) == 1
    places = range(len(split[0])) if names and same_length else ()
    differing = [i for i in places if len({parts[i] for parts in split}) > 1]
    return differing[0] if len(differing) == 1 and differing[0] % 2 == 1 else None


def _check_counts(
    path: Path,
    arrays: dict[str, np.ndarray],
    network: Network,
    matrices: list[str],
    biases: list[str],
) -> None:
    """DataError unless there are as many matrices and biases as the network has."""
    for name in matrices:
        if np.ndim(arrays[name]) != 2:
            raise DataError(
                f"{path}: {name}: must be a matrix, found shape {np.shape(arrays[name])}",
                next_step="leave out what is no fully connected layer, such as normalisation or "
                "convolutions: this network has none",
            )
    n_layers = len(network.widths) - 1
    held = f"found {', '.join(arrays)}"
    if len(matrices) != n_layers:
        shapes = [np.shape(arrays[name]) for name in matrices]
        raise DataError(
            f"{path}: must hold {n_layers} matrices for the widths {list(network.widths)}, {held}",
            next_step=_fitting_widths(shapes),
        )
    if len(biases) != n_layers * network.bias:
        raise DataError(
            f"{path}: must hold {n_layers * network.bias} biases for bias = "
            f"{str(network.bias).lower()} under [network], {held}",
            next_step=f"set bias = {str(not network.bias).lower()}, or write all biases",
        )


def _fitting_widths(shapes: list[tuple[int, ...]]) -> str:
    """Widths that matrices of these shapes would fit, as the next step."""
    if shapes and all(len(shape) == 2 for shape in shapes):
        for steps in ([shape[::-1] for shape in shapes], shapes):
            if all(a[1] == b[0] for a, b in itertools.pairwise(steps)):
                widths = [steps[0][0], *(step[1] for step in steps)]
                return f"set widths = {widths} under [network]"
    return "check widths under [network], and that the layers stand in order"


def _open_order(
    naming: Naming, matrices: list[np.ndarray], shapes: list[tuple[int, int]], order: str | None
) -> tuple[str, str]:
    """Order of the matrices whose shape leaves it open, and what tells it; empty if nothing."""
    if order is not None:
        return order, "given"
    if not naming.order:
        return "", ""
    wanted = slice(None) if naming.order == "out,in" else slice(None, None, -1)
    if any(matrix.shape != shape[wanted] for matrix, shape in zip(matrices, shapes, strict=True)):
        return "", ""  # another matrix of the file is not in this library's order
    return naming.order, f"names of {naming.library}"


def _order_of(
    matrix: np.ndarray, shape: tuple[int, int], open_order: str, because: str, naming: Naming
) -> tuple[str, str]:
    """Order of one matrix, and what tells it; empty where nothing does."""
    if shape[0] == shape[1]:
        if np.array_equal(matrix, matrix.T):
            return "out,in", "symmetric"
        return open_order, because
    taken = "out,in" if matrix.shape == shape else "in,out"
    if naming.order and naming.order != taken:
        return taken, f"shape, though {naming.library} has {naming.order}: fits only transposed"
    if because == "given" and open_order != taken:
        return taken, f"shape, though {open_order} was given: fits only transposed"
    return taken, "shape"


def _bias(path: Path, name: str, values: np.ndarray, units: int) -> np.ndarray:
    """A bias; a row or a column counts as a vector."""
    if values.shape not in ((units,), (1, units), (units, 1)):
        raise DataError(f"{path}: {name}: must have shape ({units},), found {values.shape}")
    return values.ravel()


def finite_numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """`values` as float64; DataError unless they are finite real numbers."""
    if values.dtype.kind not in "fiub":
        raise DataError(f"{path}: {name}: must hold real numbers, found {values.dtype}")
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
        raise DataError(
            f"{path}: {name}: must be finite, found {numbers[where]} at {list(where)}",
            next_step="check the training run that wrote it",
        )
    return numbers
