"""The points where networks are compared: a Boolean cube, a grid, or a data set."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pfmap.errors import DataError, SettingsError
from pfmap.reading.arrays import read_arrays
from pfmap.reading.tables import is_parquet, read_numbers

MAX_POINTS = 2**14

_SETTINGS = ConfigDict(extra="forbid", frozen=True)
_ORDER = (
    "none: nothing orders the points, and measures that read them one after another, such as lz, "
    "stand in the table and enter no fit, bound, correlation or figure; file: the order they are "
    "listed in is meant."
)
_KIND = "boolean (all inputs of n bits), grid, points (of a file) or digits (images)."


class BooleanDomain(BaseModel):
    """All 2^n inputs of n bits in binary counting order, first input bit most significant."""

    model_config = _SETTINGS
    kind: Literal["boolean"] = Field(default="boolean", description=_KIND)
    encoding: Literal["01", "pm1"] = Field(
        default="01", description="Input values: 0 and 1, or -1 and +1 (pm1)."
    )


class GridDomain(BaseModel):
    """A regular grid in 1 or 2 dimensions (row-major: last coordinate runs fastest)."""

    model_config = _SETTINGS
    kind: Literal["grid"] = Field(description=_KIND)
    low: float = Field(default=-1.0, ge=-1e30, le=1e30, description="First point of an axis.")
    high: float = Field(default=1.0, ge=-1e30, le=1e30, description="Last point of an axis.")
    points: int = Field(default=64, ge=2, le=4096, description="Points of an axis.")


class PointsDomain(BaseModel):
    """Points read from a file, one row a point."""

    model_config = _SETTINGS
    kind: Literal["points"] = Field(description=_KIND)
    file: str = Field(
        min_length=1,
        description="Parquet (every column an input) or .npy of shape (points, inputs), 2 to 16384 "
        "points; a relative path is taken from the campaign file's folder.",
    )
    order: Literal["none", "file"] = Field(default="none", description=_ORDER)


class DigitsDomain(BaseModel):
    """Images of handwritten digits that ship with scikit-learn (8 × 8 pixels scaled to 0…1)."""

    model_config = _SETTINGS
    kind: Literal["digits"] = Field(description=_KIND)
    images: int = Field(
        default=64, ge=2, le=1797, description="How many images, in the order of the data set."
    )
    order: Literal["none", "file"] = Field(default="none", description=_ORDER)


Domain = Annotated[
    BooleanDomain | GridDomain | PointsDomain | DigitsDomain, Field(discriminator="kind")
]


def has_order(domain: Domain) -> bool:
    """Whether the points of a domain have an order: by construction, or because it is declared.

    Examples
    --------
    >>> has_order(GridDomain(kind="grid")), has_order(DigitsDomain(kind="digits"))
    (True, False)
    >>> has_order(DigitsDomain(kind="digits", order="file"))
    True
    """
    if isinstance(domain, (BooleanDomain, GridDomain)):
        return True
    return domain.order == "file"


def boolean_points(n_inputs: int, encoding: str = "01") -> np.ndarray:
    """All inputs of the Boolean cube in binary counting order.

    Parameters
    ----------
    n_inputs : int
        Number of bits n.
    encoding : {"01", "pm1"}, default "01"
        Values of the bits.

    Returns
    -------
    ndarray of float64, shape (2^n, n)
        Row x holds the bits of x, the most significant first.

    Examples
    --------
    >>> boolean_points(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    index = np.arange(2**n_inputs)
    bits = (index[:, None] >> np.arange(n_inputs - 1, -1, -1)) & 1
    return bits * 2.0 - 1.0 if encoding == "pm1" else bits.astype(float)


def domain_points(domain: Domain, n_inputs: int, folder: Path | None = None) -> np.ndarray:
    """Points of a domain.

    Parameters
    ----------
    domain : BooleanDomain, GridDomain, PointsDomain or DigitsDomain
        The settings.
    n_inputs : int
        Width of the network's input layer.
    folder : Path, optional
        Folder that a relative path of `PointsDomain` starts from; None is the working folder.

    Returns
    -------
    ndarray of float64, shape (points, n_inputs)

    Raises
    ------
    SettingsError
        If the points do not have `n_inputs` coordinates.
    DataError
        If a file cannot be read, has fewer than 2 or more than 16384 points, or holds NaN or
        infinity.

    Examples
    --------
    >>> domain_points(GridDomain(kind="grid", points=3), 1).ravel().tolist()
    [-1.0, 0.0, 1.0]
    """
    if isinstance(domain, BooleanDomain):
        return boolean_points(n_inputs, domain.encoding)
    if isinstance(domain, GridDomain):
        axis = np.linspace(domain.low, domain.high, domain.points)
        return np.array(list(itertools.product(axis, repeat=n_inputs)))
    if isinstance(domain, DigitsDomain):
        from sklearn.datasets import load_digits

        points = load_digits().data[: domain.images] / 16.0
    else:
        points = _read_points((folder or Path()) / domain.file)
    if points.shape[1] != n_inputs:
        raise SettingsError(
            f"network.widths: first width must equal the {points.shape[1]} coordinates of the "
            f"domain's points, got {n_inputs}",
            next_step=f"set the first width to {points.shape[1]}",
        )
    return points


def _read_points(path: Path) -> np.ndarray:
    """Read points from Parquet or .npy, refusing anything that is not a finite table."""
    remedy = "write a Parquet table or a .npy array of shape (points, inputs)"
    kinds: dict[str, Any]
    if is_parquet(path, argument="domain.file", next_step=remedy):
        table = read_numbers(path, argument="domain.file", next_step=remedy)
        kinds = {f"column {name}": kind for name, kind in table.dtypes.items()}
        values: Any = table
    else:
        arrays = read_arrays(path, argument="domain.file", next_step=remedy)
        if list(arrays) != [""]:
            raise DataError(
                f"domain.file: must be Parquet or one array (.npy), got the .npz archive {path}",
                next_step=remedy,
            )
        values = arrays[""]
        kinds = {"the array": values.dtype}
    for where, kind in kinds.items():
        if kind.kind not in "fiub":
            raise DataError(
                f"domain.file: must hold real numbers, and {where} of {path} holds {kind}",
                next_step=remedy,
            )
    if isinstance(values, np.ndarray):
        points = values.astype(np.float64)
    else:
        points = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if points.ndim != 2 or points.shape[0] < 2:
        raise DataError(
            f"domain.file: needs at least 2 rows of points, got shape {points.shape}",
            next_step=remedy,
        )
    if len(points) > MAX_POINTS:
        raise DataError(
            f"domain.file: at most {MAX_POINTS} rows of points, got {len(points)} in {path}",
            next_step="keep a part of the rows",
        )
    if not np.isfinite(points).all():
        raise DataError(f"domain.file: {path} holds NaN or infinity", next_step="remove them")
    return points
