"""Weights and targets from the user's own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pfmap.errors import DataError, SettingsError
from pfmap.llc.layers import ORDERS, FoundLayers, find_layers, finite_numbers
from pfmap.models.network import parameter_count
from pfmap.reading.arrays import read_arrays
from pfmap.reading.tensors import read_tensors, tensor_kind
from pfmap.settings.network import Network

REMEDY = "write it with numpy.savez, every array by itself"


def load_weights(path: Path, network: Network, *, order: str | None = None) -> FoundLayers:
    """Parameters of a network from a file, whichever library wrote it.

    The file is an .npz, a state dict of PyTorch (``torch.save(net.state_dict(), FILE)``), read
    without unpickling any object, or one of safetensors; its content says which. It holds either
    one vector ``weights`` of shape (d,), in the order of `pfmap.models.network.unflatten`, or a
    matrix and, with biases, a vector for every layer:
    ``W1``, ``b1``, …; scikit-learn's ``coefs_0``, ``intercepts_0``, …; PyTorch's ``0.weight``,
    ``0.bias``, …, or any other names that end so; those of Keras and Flax, ``…/kernel`` and
    ``…/bias``; or the ``arr_0``, … of ``np.savez(FILE, *arrays)``. A text ``order`` in the file,
    out,in or in,out, says how matrices whose shape and names leave it open are meant.

    Parameters
    ----------
    path : Path
        The file.
    network : Network
        The network that the weights belong to.
    order : str, optional
        out,in | in,out: the same, and above what the file says.

    Returns
    -------
    FoundLayers
        The parameters as a vector of shape (d,), and what each array was taken for.

    Raises
    ------
    SettingsError
        If nothing tells the order of a square matrix (`find_layers`) or, in a file of safetensors,
        that of the layers; or `order` is given where there is no matrix.
    EnvironmentFault
        If PyTorch or safetensors, which only their files need, are not installed.
    DataError
        If the file cannot be read, or an array has the wrong name, shape or a value that is not
        finite: naming the array, the rule and what was found.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, W1=np.ones((3, 2)), b1=np.zeros(3), W2=np.ones((1, 3)), b2=np.zeros(1))
    >>> load_weights(path, Network(widths=(2, 3, 1))).vector.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    """
    kind = tensor_kind(path, next_step=REMEDY, missing=SettingsError)
    arrays = read_tensors(path, kind) if kind else _read(path)
    stated = arrays.pop("order", None)
    if stated is not None and str(stated) not in ORDERS:
        raise DataError(f"{path}: order: must be out,in or in,out, found {stated}")
    order = order or (None if stated is None else str(stated))
    if "weights" in arrays:
        if order is not None:
            raise SettingsError(f"order: is that of matrices, {path} holds one vector")
        d = parameter_count(network.widths, network.bias)
        _check_names(path, arrays, {"weights"})
        return FoundLayers("pfmap", (), _checked(path, "weights", arrays["weights"], (d,)))
    # safetensors sorts by name: only numbers in the names tell which layer comes first.
    return find_layers(path, arrays, network, order, in_order=kind != "safetensors")


def load_vector(path: Path, n_parameters: int) -> FoundLayers:
    """The one vector ``weights`` of an .npz file, for a model whose layers have no shapes to find.

    Parameters
    ----------
    path : Path
        The file.
    n_parameters : int
        Length d, in the order of the model's parameters.

    Raises
    ------
    DataError
        If the file holds anything else, or values that are not finite.
    """
    arrays = _read(path)
    raw = _named(path, arrays, "weights", n_parameters)
    _check_names(path, arrays, {"weights"})
    return FoundLayers("pfmap", (), _checked(path, "weights", raw, (n_parameters,)))


def load_targets(path: Path, n_points: int) -> np.ndarray:
    """Targets from an .npz file with one array ``target`` of shape (points,).

    Integers and booleans are bits and become -1 and +1; floats are taken as they are.

    Parameters
    ----------
    path : Path
        The file.
    n_points : int
        Points of the domain.

    Returns
    -------
    ndarray of float64, shape (points,)

    Raises
    ------
    DataError
        As for `load_weights`; also if integers are not all 0 or 1.
    """
    raw = _named(path, _read(path), "target", n_points)
    targets = _checked(path, "target", raw, (n_points,))
    if np.issubdtype(raw.dtype, np.floating):
        return targets
    if not np.isin(targets, (0.0, 1.0)).all():
        wrong = targets[~np.isin(targets, (0.0, 1.0))][0]
        raise DataError(
            f"{path}: target: integers must be bits 0 or 1, found {wrong:.0f}",
            next_step="write -1.0 and 1.0 as floats, or bits",
        )
    return 2.0 * targets - 1.0


def load_probabilities(path: Path, n_points: int) -> np.ndarray:
    """Probabilities of a 1 from an .npz file with one array ``probability``, as logits.

    Parameters
    ----------
    path : Path
        The file.
    n_points : int
        Points of the domain.

    Returns
    -------
    ndarray of float64, shape (points,)
        log(p/(1 - p)).

    Raises
    ------
    DataError
        As for `load_weights`; also if a probability is not strictly between 0 and 1: K would have
        no minimum.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "noisy.npz"
    >>> np.savez(path, probability=np.array([0.5, 0.9]))
    >>> load_probabilities(path, 2).round(3).tolist()
    [0.0, 2.197]
    """
    raw = _named(path, _read(path), "probability", n_points)
    values = _checked(path, "probability", raw, (n_points,))
    if not ((values > 0.0) & (values < 1.0)).all():
        wrong = values[~((values > 0.0) & (values < 1.0))][0]
        raise DataError(
            f"{path}: probability: must lie strictly between 0 and 1, found {wrong}",
            next_step="give ±1 targets for a function without noise: --key, --table or --named",
        )
    return np.log(values) - np.log1p(-values)


def _named(path: Path, arrays: dict[str, np.ndarray], name: str, size: int) -> np.ndarray:
    """The array `name` of what a file holds."""
    if name not in arrays:
        raise DataError(
            f"{path}: must hold an array {name} of shape ({size},), found "
            f"{', '.join(sorted(arrays)) or 'nothing'}"
        )
    return arrays[name]


def _read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz file."""
    arrays = read_arrays(path, next_step=REMEDY, missing=SettingsError)
    if "" in arrays:
        raise DataError(
            f"{path}: must be an .npz file, found one array without a name", next_step=REMEDY
        )
    return arrays


def _check_names(path: Path, arrays: dict[str, np.ndarray], used: set[str]) -> None:
    """DataError if the file holds arrays that the network has no place for."""
    unused = sorted(set(arrays) - used)
    if unused:
        raise DataError(
            f"{path}: must hold nothing but {', '.join(sorted(used))} for this network, found "
            f"{', '.join(unused)}",
            next_step="check widths and bias under [network], or leave the arrays out",
        )


def _checked(path: Path, name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`values` as float64; DataError unless numeric, of that shape and finite."""
    numbers = finite_numbers(path, name, values)
    if values.shape != shape:
        raise DataError(f"{path}: {name}: must have shape {shape}, found {values.shape}")
    return numbers
