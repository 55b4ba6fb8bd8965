"""Numbers and integers that a caller gives as arguments, taken or refused in one line."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

import numpy as np

from pfmap.errors import SettingsError, shown

LARGEST = 10**9
"""Most that is counted: fractions of exact formulas then fit on a screen."""


def checked_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """A finite number within its limits.

    Parameters
    ----------
    name : str
        The argument, for the error message.
    value : object
        A number of Python or NumPy; text and truth values are slips and are refused, and so are
        integers and fractions beyond float64.
    above, least, below, most : float, optional
        Limits: ``above`` and ``below`` are not allowed themselves, the others are.

    Returns
    -------
    float

    Raises
    ------
    SettingsError
        Naming the argument, its rule and the value.

    Examples
    --------
    >>> checked_number("gamma", 1, above=0.0)
    1.0
    >>> checked_number("gamma", 10**5000, above=0.0)
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: gamma: must be finite and above 0, got an integer of more than \
4,300 digits
    """
    number = math.nan
    if not isinstance(value, (str, bytes, bool, np.bool_)):
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    if not (
        math.isfinite(number)
        and (above is None or number > above)
        and (least is None or number >= least)
        and (below is None or number < below)
    ):
        limits = (("above", above), ("at least", least), ("below", below))
        rules = [f"{words} {limit:g}" for words, limit in limits if limit is not None]
        rule = " and ".join(["finite", *rules] if len(rules) < 2 else rules)
        raise SettingsError(f"{name}: must be {rule}, got {shown(value)}")
    if most is not None and number > most:
        raise SettingsError(f"{name}: must be at most {most:g}, got {shown(value)}")
    return number


def checked_array(name: str, values: object) -> np.ndarray:
    """A copy as float64, of any shape; NaN and infinities pass.

    Parameters
    ----------
    name : str
        The argument, for the error message.
    values : array_like
        Numbers.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    SettingsError
        If an entry is no number or beyond float64, or the rows differ in length.

    Examples
    --------
    >>> checked_array("weights", [1, 2])
    array([1., 2.])
    >>> checked_array("weights", [1.0, "a"])
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: weights: must be an array of numbers within float64, got [1.0, 'a']
    """
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(
            f"{name}: must be an array of numbers within float64, got {shown(values)}"
        ) from None


def checked_integer(
    name: str, value: SupportsIndex, *, least: int, most: int | None = LARGEST, next_step: str = ""
) -> int:
    """An integer within its limits.

    Parameters
    ----------
    name : str
        The argument, for the error message.
    value : int
        Anything that Python takes for an index; a truth value is a slip and is refused.
    least, most : int
        Limits, both allowed; None means no upper one, for what pfmap computed itself.
    next_step : str, default ""
        What to do about a value out of range.

    Returns
    -------
    int

    Raises
    ------
    SettingsError
        If it is no integer or out of range.

    Examples
    --------
    >>> checked_integer("rank", 2, least=0)
    2
    """
    bounded = most is not None and most != LARGEST
    rule = f"an integer between {least} and {most}" if bounded else f"an integer >= {least}"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise SettingsError(
            f"{name}: must be {rule}, got {shown(value)}", next_step=next_step
        ) from None
    if most == LARGEST < number:
        rule = f"an integer of at most {LARGEST:,}"
    if number < least or (most is not None and number > most):
        raise SettingsError(f"{name}: must be {rule}, got {shown(number)}", next_step=next_step)
    return number


def checked_integers(
    name: str,
    values: Sequence[SupportsIndex],
    *,
    least: int,
    most: int | None = LARGEST,
    next_step: str = "",
) -> tuple[int, ...]:
    """A sequence of integers, each within the limits.

    Examples
    --------
    >>> checked_integers("widths", [3, 1, 4], least=1)
    (3, 1, 4)
    """
    try:
        items = list(values)
    except TypeError:
        raise SettingsError(
            f"{name}: must be a sequence of integers, got {shown(values)}", next_step=next_step
        ) from None
    return tuple(
        checked_integer(f"{name}[{index}]", item, least=least, most=most, next_step=next_step)
        for index, item in enumerate(items)
    )


def checked_positive(name: str, value: int | Fraction) -> Fraction:
    """A positive rational number.

    Examples
    --------
    >>> checked_positive("exponent", 3)
    Fraction(3, 1)
    """
    if isinstance(value, bool) or not isinstance(value, (int, Fraction)) or value <= 0:
        raise SettingsError(
            f"{name}: must be a positive int or Fraction, got {shown(value)}",
            next_step="write an exact number such as Fraction(1, 2)",
        )
    return Fraction(value)
