"""Measure functions with registered proxies, in pieces on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pfmap.errors import SettingsError
from pfmap.profiling import timed
from pfmap.settings.domain import boolean_points
from pfmap.threads import count_threads

from .pool import run_pieces
from .registry import FunctionBatch, Proxy, proxies_for

# Values of a piece: small enough for the processor's cache, large enough to hide the calls.
_PIECE_VALUES = 1 << 20
_PIECES_PER_THREAD = 4
_Piece = tuple[np.ndarray, list[Proxy]]


def measure(
    batch: FunctionBatch,
    names: Iterable[str] = (),
    *,
    dear: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> dict[str, np.ndarray]:
    """Complexity of every function by every proxy.

    Parameters
    ----------
    batch : FunctionBatch
        The functions.
    names : iterable of str, default ()
        Proxies; empty means all that are defined for the batch's kind and number of inputs.
    dear : ndarray of bool, shape (functions,), optional
        Functions that get the dear proxies too; None means all of them.
    progress : callable, optional
        Called with (done, total), both in functions times proxies.
    threads : int, optional
        Threads; None means one for every processor at hand. Values do not depend on it.

    Returns
    -------
    dict of str to ndarray of float64, shape (functions,)
        In the order of the names, or of registration. NaN where a dear proxy was not computed and
        where a proxy is not defined.

    Raises
    ------
    SettingsError
        If a name is unknown or not defined for the kind, `dear` has another shape, `threads` is
        below 1, or a proxy returns another shape.

    Examples
    --------
    >>> bits = np.array([[0, 1, 1, 0], [0, 0, 0, 1]])
    >>> values = measure(FunctionBatch("boolean", boolean_points(2), bits=bits))
    >>> for name in ("sensitivity", "degree", "expression", "bdd_min"):
    ...     print(name, values[name])
    sensitivity [2. 1.]
    degree [2. 2.]
    expression [4. 2.]
    bdd_min [3. 2.]
    """
    proxies = proxies_for(batch.kind, names, n_inputs=batch.n_inputs)
    if dear is None:
        dear = np.ones(len(batch), dtype=np.bool_)
    dear = np.asarray(dear, dtype=np.bool_)
    if dear.shape != (len(batch),):
        raise SettingsError(
            f"dear: one value for each of {len(batch)} functions, got shape {dear.shape}"
        )
    threads = count_threads(threads)
    values = {item.name: np.full(len(batch), np.nan) for item in proxies}
    everywhere = [item for item in proxies if not item.dear]
    selected = [item for item in proxies if item.dear]
    # The dear ones in pieces of their own: the chosen functions may all lie in one place.
    work = _pieces(np.arange(len(batch)), everywhere, batch.n_points, threads)
    work += _pieces(np.flatnonzero(dear), selected, batch.n_points, threads)
    total = sum(len(rows) * len(chosen) for rows, chosen in work)
    done = 0

    def finished(piece: _Piece, columns: list[np.ndarray]) -> None:
        nonlocal done
        rows, chosen = piece
        for item, column in zip(chosen, columns, strict=True):
            values[item.name][rows] = column
        done += len(rows) * len(chosen)
        if progress is not None:
            progress(done, total)

    run_pieces(lambda piece: _measure_piece(batch, *piece), work, threads, finished)
    return values


def measure_tables(tables: Sequence[str], names: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Complexity of Boolean functions given as truth tables of 0 and 1.

    Parameters
    ----------
    tables : sequence of str
        Truth tables in binary counting order, all of the same length 2^n.
    names : iterable of str, default ()
        Proxies; empty means all.

    Returns
    -------
    dict of str to ndarray of float64, shape (tables,)

    Raises
    ------
    SettingsError
        If a table is not a string of 2^n zeros and ones, or the lengths differ.

    Examples
    --------
    >>> measure_tables(["0110"], ["lz", "walsh_l1"])
    {'lz': array([6.]), 'walsh_l1': array([1.])}
    """
    if not tables:
        raise SettingsError("tables: at least one truth table is needed, got none")
    n_points = len(tables[0])
    n_inputs = n_points.bit_length() - 1
    for table in tables:
        if (
            len(table) != n_points
            or n_points < 2
            or n_points != 1 << n_inputs
            or set(table) - set("01")
        ):
            raise SettingsError(
                f"tables: each must be 2^n digits 0 or 1, all of one length, got {table!r}",
                next_step="write f(0…0) first, the last input changing fastest",
            )
    bits = np.array([[int(digit) for digit in table] for table in tables], dtype=np.uint8)
    return measure(FunctionBatch("boolean", boolean_points(n_inputs), bits=bits), names)


def _pieces(rows: np.ndarray, proxies: list[Proxy], n_points: int, threads: int) -> list[_Piece]:
    """Cut `rows` into pieces of work for all `proxies`."""
    if len(rows) == 0 or not proxies:
        return []
    even = -(-len(rows) // (_PIECES_PER_THREAD * threads))
    size = max(1, min(_PIECE_VALUES // n_points, even))
    return [(rows[start : start + size], proxies) for start in range(0, len(rows), size)]


def _measure_piece(
    batch: FunctionBatch, rows: np.ndarray, proxies: list[Proxy]
) -> list[np.ndarray]:
    """Values of `proxies` on some functions of a batch."""
    contiguous = rows[-1] - rows[0] == len(rows) - 1
    piece = batch.rows(slice(rows[0], rows[-1] + 1) if contiguous else rows)
    columns = []
    for item in proxies:
        with timed(item.name):
            column = np.asarray(item.compute(piece), dtype=np.float64)
        if column.shape != (len(piece),):
            raise SettingsError(
                f"complexity.proxies: {item.name} must return one value a function, "
                f"{len(piece)} in all, got shape {column.shape}"
            )
        columns.append(column)
    return columns
