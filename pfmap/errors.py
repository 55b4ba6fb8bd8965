"""Errors raised on purpose: the argument, the rule, the value received, the next step."""

from __future__ import annotations


class PfmapError(Exception):
    """Base of every error that pfmap raises on purpose.

    Parameters
    ----------
    message : str
        One line: the argument, the rule it broke and the value received.
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
        self.message = message
        self.next_step = next_step
        super().__init__(message if not next_step else f"{message} (next: {next_step})")


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
