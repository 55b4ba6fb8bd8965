"""Checks of integer arguments: what the exact formulas take is counted, not measured."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

from pfmap.errors import SettingsError, shown

LARGEST = 10**9
"""Most that the formulas are asked for: their fractions then fit on a screen."""


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
