"""The registry of complexity proxies: one function a proxy, one entry a column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.functions.keys import words_from_bits

Kind = Literal["boolean", "labels", "curve"]
KINDS: tuple[Kind, ...] = ("boolean", "labels", "curve")
Compute = Callable[["FunctionBatch"], np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class FunctionBatch(Displayed):
    """Functions to be measured, as arrays.

    Attributes
    ----------
    kind : {"boolean", "labels", "curve"}
        Truth tables on the Boolean cube, bits on other points, or quantised real functions.
    points : ndarray of float64, shape (points, inputs)
        The domain.
    bits : ndarray of uint8, shape (functions, points), or None
        Value of every function on every point, in the order of the domain; None for curves.
    symbols : ndarray of int64, shape (functions, points), or None
        Outputs divided by the step of the readout and rounded; None unless `kind` is "curve".
    step : float
        Step of the quantised readout; 1 for bits.

    Raises
    ------
    SettingsError
        If the arrays do not fit the kind or each other.

    Examples
    --------
    >>> points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> batch = FunctionBatch("boolean", points, bits=np.array([[0, 1, 1, 0]]))
    >>> len(batch), batch.n_points, batch.n_inputs, [hex(word) for word in batch.words[0]]
    (1, 4, 2, ['0x6000000000000000'])
    """

    SHOWN: ClassVar = ("kind", "n_points", "n_inputs", "bits", "symbols")

    kind: Kind
    points: np.ndarray
    bits: np.ndarray | None = None
    symbols: np.ndarray | None = None
    step: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"kind: must be one of {', '.join(KINDS)}, got {self.kind!r}")
        name = "symbols" if self.kind == "curve" else "bits"
        values = self.symbols if self.kind == "curve" else self.bits
        if values is None:
            raise SettingsError(f"{name}: needed for functions of kind {self.kind}, got None")
        values = np.asarray(values)
        if values.ndim != 2 or values.shape[1] != len(self.points):
            raise SettingsError(
                f"{name}: one row a function and one column for each of {len(self.points)} points, "
                f"got shape {values.shape}"
            )
        if self.kind == "boolean" and self.n_points != 2**self.n_inputs:
            raise SettingsError(
                f"points: a Boolean domain of {self.n_inputs} inputs has {2**self.n_inputs} "
                f"points, got {self.n_points}",
                next_step='use the kind "labels" for bits on other points',
            )
        exact = np.ascontiguousarray(values, dtype=np.uint8 if name == "bits" else np.int64)
        if exact.dtype != values.dtype and (exact != values).any():
            raise SettingsError(f"{name}: must be integers, got {values[exact != values][0]}")
        if name == "bits" and exact.max(initial=0) > 1:
            raise SettingsError(f"bits: every value must be 0 or 1, got {exact.max()}")
        object.__setattr__(self, name, exact)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_inputs(self) -> int:
        """Coordinates of a point."""
        return int(self.points.shape[1])

    @property
    def n_points(self) -> int:
        """Points of the domain."""
        return len(self.points)

    @property
    def values(self) -> np.ndarray:
        """`symbols` for curves, else `bits`: integers of shape (functions, points)."""
        values = self.symbols if self.kind == "curve" else self.bits
        assert values is not None  # __post_init__ refuses a batch without
        return values

    @cached_property
    def words(self) -> np.ndarray:
        """Bits packed into uint64 of shape (functions, words), point 0 the most significant bit."""
        if self.bits is None:
            raise SettingsError(f"words: functions of kind {self.kind} have no bits to pack")
        return words_from_bits(self.bits)

    @cached_property
    def ones(self) -> np.ndarray:
        """T(f), the points where f is 1: int64 of shape (functions,), for bits only."""
        return np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)

    def rows(self, chosen: slice | np.ndarray) -> FunctionBatch:
        """The functions `chosen` (a slice, a mask or indices) as a batch of their own."""
        bits = None if self.bits is None else self.bits[chosen]
        symbols = None if self.symbols is None else self.symbols[chosen]
        return FunctionBatch(self.kind, self.points, bits=bits, symbols=symbols, step=self.step)


@dataclass(frozen=True, repr=False)
class Proxy(Displayed):
    """One complexity proxy.

    Attributes
    ----------
    name : str
        Column of ``functions.parquet``.
    meaning : str
        One line for the schema and the documentation.
    unit : str
        Unit of the value.
    kinds : frozenset of str
        Kinds of function it is defined for.
    reads_order : bool
        Whether the value changes with the order in which the points are listed.
    dear : bool
        Whether it is computed only for selected and frequent functions.
    compute : callable
        From a `FunctionBatch` to float64 values of shape (functions,), each a property of its
        function alone; NaN (null in tables) where the proxy is not defined.
    most_inputs : int or None
        Inputs up to which there is any value; None: there is no limit.
    lacking : callable or None
        From a number of inputs to what this installation lacks for them, empty if nothing; None:
        it never lacks anything.
    """

    SHOWN: ClassVar = ("name", "unit", "dear", "reads_order")

    name: str
    meaning: str
    unit: str
    kinds: frozenset[str]
    reads_order: bool
    dear: bool
    compute: Compute
    most_inputs: int | None = None
    lacking: Callable[[int], str] | None = None

    def reaches(self, n_inputs: int) -> bool:
        """Whether there can be a value for functions of n inputs."""
        return self.most_inputs is None or n_inputs <= self.most_inputs

    def why_null(self, n_inputs: int) -> str:
        """Why every value is null for functions of n inputs, here and now; empty if not so.

        Examples
        --------
        >>> find_proxy("formula").why_null(4), find_proxy("formula").why_null(7)
        ('', 'it is known for at most 4 inputs')
        """
        if not self.reaches(n_inputs):
            return f"it is known for at most {self.most_inputs} inputs"
        return self.lacking(n_inputs) if self.lacking else ""


_PROXIES: dict[str, Proxy] = {}


def proxy(
    name: str,
    *,
    meaning: str,
    unit: str,
    kinds: Iterable[Kind],
    reads_order: bool,
    dear: bool = False,
    most_inputs: int | None = None,
    lacking: Callable[[int], str] | None = None,
) -> Callable[[Compute], Compute]:
    """Register a function as the proxy `name`.

    Registering a name again replaces a proxy of your own, as when a notebook cell runs twice.

    Parameters
    ----------
    name : str
        Column of ``functions.parquet``.
    meaning, unit : str
        For the schema and the documentation.
    kinds : iterable of {"boolean", "labels", "curve"}
        Kinds of function it is defined for.
    reads_order : bool
        Whether the value changes with the order in which the points are listed, as that of a
        string does: it enters nothing where the points have no order. No default: a proxy says so.
    dear : bool, default False
        Whether it is too dear for every function of a campaign.
    most_inputs : int, optional
        Inputs up to which there is any value: functions of more are measured by it only where it
        is named, and then the column is null. None means any number.
    lacking : callable, optional
        From a number of inputs to why every value is null in this installation, as where a package
        is missing; empty text where it is not.

    Raises
    ------
    SettingsError
        If the name is that of one of pfmap's own proxies, or of another column of
        ``functions.parquet``.

    Examples
    --------
    >>> @proxy("first_bit", meaning="f at the first input", unit="", kinds=["boolean"],
    ...        reads_order=True)
    ... def first_bit(batch):
    ...     return batch.bits[:, 0].astype(float)
    >>> batch = FunctionBatch("boolean", np.zeros((2, 1)), bits=np.array([[1, 0]], dtype=np.uint8))
    >>> find_proxy("first_bit").compute(batch)
    array([1.])
    >>> forget_proxy("first_bit")
    """

    def register(compute: Compute) -> Compute:
        known = _PROXIES.get(name)
        own = __name__.rpartition(".")[0] + "."
        if known is not None and known.compute.__module__.startswith(own):
            raise SettingsError(
                f"name: {name!r} is a proxy of pfmap and cannot be replaced",
                next_step="choose another name",
            )
        if not compute.__module__.startswith(own) and name in _contract_columns():
            raise SettingsError(
                f"name: a proxy must not be called as a column of functions.parquet, got {name!r}",
                next_step="choose another name",
            )
        _PROXIES[name] = Proxy(
            name, meaning, unit, frozenset(kinds), reads_order, dear, compute, most_inputs, lacking
        )
        return compute

    return register


def _contract_columns() -> set[str]:
    """Columns of ``functions.parquet`` that are not proxies."""
    from pfmap.store.schema import COUNT_ERROR, FUNCTIONS, LZ_ORBIT_MIN

    return {column.name for column in (*FUNCTIONS, COUNT_ERROR, LZ_ORBIT_MIN)}


def forget_proxy(name: str) -> None:
    """Take the proxy `name` out of the registry.

    Raises
    ------
    SettingsError
        If there is none.
    """
    del _PROXIES[find_proxy(name).name]


def find_proxy(name: str) -> Proxy:
    """Proxy called `name`.

    Raises
    ------
    SettingsError
        If there is none.
    """
    if name not in _PROXIES:
        raise SettingsError(
            f"complexity.proxies: no proxy of that name, got {name!r}",
            next_step=f"choose from {', '.join(sorted(_PROXIES))}",
        )
    return _PROXIES[name]


def proxies_for(kind: str, names: Iterable[str] = (), *, n_inputs: int = 1) -> list[Proxy]:
    """Proxies for a kind of function: those named, or all that apply, in order of registration.

    Without names those are left out that have no value for functions of `n_inputs` inputs; all
    have one for a single input.

    Raises
    ------
    SettingsError
        If a name is unknown, given twice or not defined for `kind`.
    """
    chosen = [find_proxy(name) for name in names]
    if len(set(chosen)) < len(chosen):
        raise SettingsError(
            f"complexity.proxies: must differ from each other, got "
            f"{', '.join(item.name for item in chosen)}",
            next_step="name each once",
        )
    for item in chosen:
        if kind not in item.kinds:
            raise SettingsError(
                f"complexity.proxies: {item.name} is not defined for {kind} functions",
                next_step=f"choose from {', '.join(p.name for p in proxies_for(kind))}",
            )
    everything = (item for item in _PROXIES.values() if kind in item.kinds)
    return chosen or [item for item in everything if item.reaches(n_inputs)]


def proxy_table() -> str:
    """Every registered proxy as a Markdown table, a row each."""
    head = ["name", "kinds", "most inputs", "reads order", "dear", "unit", "meaning"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for item in _PROXIES.values():
        kinds = ", ".join(kind for kind in KINDS if kind in item.kinds)
        order, dear = ("yes" if fact else "" for fact in (item.reads_order, item.dear))
        most = "" if item.most_inputs is None else str(item.most_inputs)
        cells = [f"`{item.name}`", kinds, most, order, dear, item.unit, item.meaning]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
