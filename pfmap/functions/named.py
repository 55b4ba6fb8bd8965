"""Boolean functions by name, by truth table or by key.

A truth table holds one bit for each of the 2^n inputs in binary counting order, the first input bit
most significant, as everywhere in pfmap.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.functions.expressions import is_expression, table_from_expression
from pfmap.functions.keys import (
    bits_from_words,
    key_length,
    keys_from_words,
    words_from_bits,
    words_from_keys,
)
from pfmap.functions.picture import table_svg
from pfmap.settings.domain import boolean_points

LEAST_INPUTS, MOST_INPUTS = 2, 8
"""Inputs of a function that its key spells out: at most 256 bits."""

FUNCTION_NAMES = (
    "parity | majority | and | or | xor2 | multiplexer | threshold-K | random:SEED | constant | "
    "constant-0 | constant-1"
)


@dataclass(frozen=True, repr=False)
class BooleanFunction(Displayed):
    """A Boolean function somebody asked for.

    Attributes
    ----------
    label : str
        What it was called: its name, else its key.
    key : str
        Its truth table in hexadecimal, as in the tables of a campaign.
    bits : ndarray of bool, shape (2^n,)
        Its truth table in counting order.
    """

    label: str
    key: str
    bits: np.ndarray

    @property
    def n_inputs(self) -> int:
        """Inputs n."""
        return len(self.bits).bit_length() - 1

    def _repr_html_(self) -> str:
        return f"<div>{table_svg(self.bits, self.label)}{super()._repr_html_()}</div>"

    @property
    def signs(self) -> np.ndarray:
        """1.0 where the function is 1 and -1.0 where it is 0, float64 of shape (2^n,)."""
        return np.where(self.bits, 1.0, -1.0)


def named_table(name: str, n_inputs: int) -> np.ndarray:
    """Truth table of a function known by name.

    ================  ==============================================================
    name              1 where
    ================  ==============================================================
    ``parity``        the number of ones among the inputs is odd
    ``majority``      strictly more than half of the inputs are 1
    ``and``, ``or``   all inputs are 1, any input is 1
    ``xor2``          the first two inputs differ
    ``multiplexer``   the data bit that the address picks is 1: of n = k + 2^k inputs the
                      first k are the address, most significant first (n = 3 or 6)
    ``threshold-K``   at least K inputs are 1, 1 <= K <= n
    ``random:SEED``   a fair coin fell so: bits of SHAKE-256 of seed and n, the same everywhere
    ``constant-0``    nowhere; ``constant`` is the same
    ``constant-1``    everywhere
    ``x1 & ~x2``      an expression of the inputs is true (`pfmap.functions.expressions`)
    ================  ==============================================================

    Parameters
    ----------
    name : str
        One of the names; upper case is accepted.
    n_inputs : int
        n, from 2 to 8.

    Returns
    -------
    ndarray of bool, shape (2^n,)

    Raises
    ------
    SettingsError
        If there is no such name, or the function does not exist on n inputs.

    Examples
    --------
    >>> named_table("parity", 2).astype(int).tolist()
    [0, 1, 1, 0]
    >>> named_table("majority", 4).sum()  # strictly more than half: 3 or 4 ones
    np.int64(5)
    """
    _check_inputs(n_inputs)
    spelled = name.strip().lower()
    if is_expression(spelled):
        return table_from_expression(spelled, n_inputs)
    if spelled in _TABLES:
        return _TABLES[spelled](boolean_points(n_inputs).astype(np.int64))
    if match := re.fullmatch(r"threshold-([0-9]{1,9})", spelled):
        least = int(match[1])
        if not 1 <= least <= n_inputs:
            raise SettingsError(
                f"function: threshold-K on {n_inputs} inputs needs 1 <= K <= {n_inputs}, got "
                f"{name!r}",
                next_step="constant-1 and constant-0 are what lies beyond",
            )
        return boolean_points(n_inputs).sum(axis=1) >= least
    if match := re.fullmatch(r"random:([0-9]{1,18})", spelled):
        return _random_table(int(match[1]), n_inputs)
    raise SettingsError(
        f"function: no function is called {name!r}", next_step=f"choose one of {FUNCTION_NAMES}"
    )


def table_from_text(text: str, n_inputs: int) -> np.ndarray:
    """Truth table written as 0s and 1s; spaces and underscores may group them.

    Raises
    ------
    SettingsError
        If it holds another sign or not one bit for every input.

    Examples
    --------
    >>> table_from_text("0111", 2).tolist()
    [False, True, True, True]
    """
    _check_inputs(n_inputs)
    spelled = re.sub(r"[\s_]", "", text)
    foreign = spelled.strip("01")
    if foreign:
        raise SettingsError(f"function: a table is written in 0s and 1s, got {foreign[0]!r}")
    if len(spelled) != 1 << n_inputs:
        raise SettingsError(
            f"function: the table of a function of {n_inputs} inputs has {1 << n_inputs} bits, got "
            f"{len(spelled)}",
            next_step="give one bit for every input, 0…0 first, in counting order",
        )
    return np.frombuffer(spelled.encode(), dtype=np.uint8) == ord("1")


def table_from_key(key: str, n_inputs: int) -> np.ndarray:
    """Truth table of a key: hexadecimal, upper case and a leading 0x accepted.

    Raises
    ------
    SettingsError
        If it is no key of a function of n inputs.

    Examples
    --------
    >>> table_from_key("0x6", 2).tolist()
    [False, True, True, False]
    """
    _check_inputs(n_inputs)
    spelled = key.strip().lower().removeprefix("0x")
    length = key_length(1 << n_inputs, True)
    if len(spelled) != length or not re.fullmatch(r"[0-9a-f]+", spelled):
        raise SettingsError(
            f"function: a key on {n_inputs} inputs is the truth table in {length} hexadecimal "
            f"digit{'s' if length > 1 else ''}, got {key!r}",
            next_step="copy a key from the column function of functions.parquet, or give a table "
            "or a name",
        )
    n_points = 1 << n_inputs
    return bits_from_words(words_from_keys([spelled], n_points, True), n_points)[0].astype(bool)


def parse_function(text: str, n_inputs: int) -> BooleanFunction:
    """A function given as a name, as an expression, as a table of 0s and 1s, or as a key.

    No two ways can be confused: a table has four times as many signs as a key, every name has a
    letter that is no hexadecimal digit but ``and``, whose length no key has, and only expressions
    hold an input such as ``x1``.

    Parameters
    ----------
    text : str
        ``parity``, ``random:3``, ``x1 ^ x2 ^ x3``, ``01101001``, ``69``, …
    n_inputs : int
        n, from 2 to 8.

    Returns
    -------
    BooleanFunction

    Raises
    ------
    SettingsError
        If it is none of them on n inputs.

    Examples
    --------
    >>> texts = ("parity", "01101001", "0x69", "x1 ^ x2 ^ x3")
    >>> [parse_function(text, 3).key for text in texts]
    ['69', '69', '69', '69']
    >>> parse_function("majorty", 3)
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: function: a name, an expression of x1 … x3, a table of 8 bits \
or a key of 2 hexadecimal digits, got 'majorty' (next: names: parity | majority | and | \
or | xor2 | multiplexer | threshold-K | random:SEED | constant | constant-0 | constant-1)
    """
    _check_inputs(n_inputs)
    n_points = 1 << n_inputs
    spelled = text.strip().lower()
    is_name = spelled in _TABLES or re.fullmatch(r"(threshold-|random:)\d+", spelled)
    if is_name or is_expression(spelled):
        return function_of_bits(named_table(spelled, n_inputs), label=spelled)
    digits = re.sub(r"[\s_]", "", spelled)
    if len(digits) == n_points and not digits.strip("01"):
        return function_of_bits(table_from_text(digits, n_inputs))
    length = key_length(n_points, True)
    if re.fullmatch(rf"(0x)?[0-9a-f]{{{length}}}", spelled):
        return function_of_bits(table_from_key(spelled, n_inputs))
    counted = f" with {len(digits)}" if digits and not digits.strip("0123456789abcdef") else ""
    raise SettingsError(
        f"function: a name, an expression of x1 … x{n_inputs}, a table of {n_points} bits or a "
        f"key of {length} hexadecimal digit{'s' if length > 1 else ''}, got {text!r}{counted}",
        next_step=f"names: {FUNCTION_NAMES}",
    )


def function(
    text: str | ArrayLike | BooleanFunction, n_inputs: int | None = None
) -> BooleanFunction:
    """A Boolean function, however it is given.

    Parameters
    ----------
    text : str, array_like of 0 and 1, or BooleanFunction
        A name, an expression, a truth table or a key (`parse_function`); or the values at all 2^n
        inputs in counting order.
    n_inputs : int, optional
        n, from 2 to 8. Text needs it; values have it.

    Returns
    -------
    BooleanFunction
        With its ``key``, ``bits`` and ``signs``.

    Raises
    ------
    SettingsError
        If it is none on n inputs.

    Examples
    --------
    >>> [function(text, 3).key for text in ("majority", "x1 & x2 | x1 & x3 | x2 & x3", "17")]
    ['17', '17', '17']
    >>> function([0, 1, 1, 0])
    BooleanFunction(label='6', key='6', bits=bool[4])
    """
    if isinstance(text, str):
        if n_inputs is None:
            raise SettingsError("n_inputs: must be given with text", next_step="from 2 to 8")
        return parse_function(text, n_inputs)
    found = text
    if not isinstance(found, BooleanFunction):
        bits = np.asarray(text)
        n_found = max(len(bits).bit_length() - 1, 0) if bits.ndim == 1 else 0
        if bits.ndim != 1 or len(bits) != 1 << n_found or not np.isin(bits, (0, 1)).all():
            raise SettingsError(
                f"function: values must be 2^n zeros and ones, got shape {bits.shape}",
                next_step="give one for every input, 0…0 first, in counting order",
            )
        _check_inputs(n_found)
        found = function_of_bits(bits)
    if n_inputs not in (None, found.n_inputs):
        raise SettingsError(f"n_inputs: {found.label} has {found.n_inputs}, got {n_inputs}")
    return found


def function_of_bits(bits: np.ndarray, *, label: str = "") -> BooleanFunction:
    """A function given by its truth table, called by its key unless it has a name.

    Examples
    --------
    >>> function_of_bits(np.array([0, 0, 0, 1])).label
    '1'
    """
    table = np.asarray(bits).astype(bool)
    key = str(keys_from_words(words_from_bits(table[None, :]), len(table), True)[0])
    return BooleanFunction(label or key, key, table)


def _check_inputs(n_inputs: int) -> None:
    if not LEAST_INPUTS <= n_inputs <= MOST_INPUTS:
        raise SettingsError(
            f"n_inputs: functions are named on {LEAST_INPUTS} to {MOST_INPUTS} inputs, got "
            f"{n_inputs}"
        )


def _multiplexer(points: np.ndarray) -> np.ndarray:
    n_inputs = points.shape[1]
    fitting = {k + 2**k: k for k in range(1, 4)}
    if n_inputs not in fitting:
        fits = " or ".join(str(n) for n in fitting if n <= MOST_INPUTS)
        raise SettingsError(
            f"function: a multiplexer has k address and 2^k data bits, {fits} inputs, got "
            f"{n_inputs}",
            next_step=f"a network with {fits} inputs",
        )
    k = fitting[n_inputs]
    address = points[:, :k] @ (1 << np.arange(k)[::-1])
    return points[np.arange(len(points)), k + address] == 1


def _random_table(seed: int, n_inputs: int) -> np.ndarray:
    digest = hashlib.shake_256(f"pfmap random:{seed} on {n_inputs} inputs".encode())
    bits = np.unpackbits(np.frombuffer(digest.digest(1 << MOST_INPUTS), dtype=np.uint8))
    return bits[: 1 << n_inputs].astype(bool)


_TABLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "parity": lambda points: points.sum(axis=1) % 2 == 1,
    "majority": lambda points: 2 * points.sum(axis=1) > points.shape[1],
    "and": lambda points: points.sum(axis=1) == points.shape[1],
    "or": lambda points: points.sum(axis=1) > 0,
    "xor2": lambda points: points[:, 0] != points[:, 1],
    "multiplexer": _multiplexer,
    "constant": lambda points: np.zeros(len(points), dtype=bool),
    "constant-0": lambda points: np.zeros(len(points), dtype=bool),
    "constant-1": lambda points: np.ones(len(points), dtype=bool),
}
