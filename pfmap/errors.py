"""Errors raised on purpose: the argument, the rule, the value received, the next step."""

from __future__ import annotations

import sys


class PfmapError(Exception):
    """Base of every error that pfmap raises on purpose.

    Parameters
    ----------
    message : str
        One line: the argument, the rule it broke and the value received. Values come from
        anywhere: what would break the line is escaped, and what is long loses its middle.
    next_step : str, default ""
        What to do about it, usually a command to run.

    Examples
    --------
    >>> error = PfmapError("draws: must be at least 1, got 0", next_step="set draws = 1000000")
    >>> print(error)
    draws: must be at least 1, got 0 (next: set draws = 1000000)
    """

    exit_code = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        self.message = _one_line(message)
        self.next_step = _one_line(next_step)
        said = f"{self.message} (next: {self.next_step})" if next_step else self.message
        super().__init__(said)


class SettingsError(PfmapError):
    """A campaign file, a command-line value or an argument breaks a rule (exit code 2)."""

    exit_code = 2


class StoppedEarly(PfmapError):
    """Work stopped before its end and can be resumed (exit code 3)."""

    exit_code = 3


class DataError(PfmapError):
    """Stored data failed verification or is incompatible (exit code 4)."""

    exit_code = 4


class EnvironmentFault(PfmapError):
    """The machine said no: full disk, unwritable folder, missing package (exit code 5)."""

    exit_code = 5


class PfmapWarning(UserWarning):
    """Something that stops nothing and that a user should know."""


def shown(value: object) -> str:
    """A value as an error quotes it; some that a parser accepts have no text in Python.

    Examples
    --------
    >>> shown("7"), shown(10**5000)
    ("'7'", 'an integer of more than 4,300 digits')
    """
    try:
        return _one_line(repr(value), 300)
    except ValueError:  # the interpreter's limit for integers, wherever they stand inside
        return f"an integer of more than {sys.get_int_max_str_digits():,} digits"
    except RecursionError:
        return "tables nested too deep to be shown"


def _one_line(text: str, most: int = 2000) -> str:
    """`text` on one line that any terminal can show."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
    if len(text) > most:
        text = f"{text[: most // 2]} … {text[-most // 2 :]}"
    return text
