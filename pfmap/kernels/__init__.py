"""Compiled kernels: numba only, arrays only. They import nothing else of pfmap but its errors."""

import os
import warnings

from pfmap.errors import EnvironmentFault

_MOST_THREADS = 4096


def _check_threads(said: str | None) -> None:
    """Refuse what numba would end with an error of its own, or with a warning and another number.

    Examples
    --------
    >>> _check_threads("2")
    >>> _check_threads("0")
    Traceback (most recent call last):
        ...
    pfmap.errors.EnvironmentFault: NUMBA_NUM_THREADS: must be a whole number from 1 to 4096, \
got '0' (next: unset it, or set it to the number of cores to use)
    """
    if said is None:
        return
    try:
        sound = 1 <= int(said) <= _MOST_THREADS
    except ValueError:
        sound = False
    if not sound:
        raise EnvironmentFault(
            f"NUMBA_NUM_THREADS: must be a whole number from 1 to {_MOST_THREADS}, "
            f"got {said[:20]!r}",
            next_step="unset it, or set it to the number of cores to use",
        )


def _import_numba() -> None:
    """Import numba, which warns of a variable it cannot read and goes on with another value."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Environment variable", RuntimeWarning)
        try:
            import numba  # noqa: F401
        except RuntimeWarning as error:
            raise EnvironmentFault(
                f"numba: {str(error).partition(chr(10))[0]}", next_step="unset that variable"
            ) from error


_check_threads(os.environ.get("NUMBA_NUM_THREADS"))
_import_numba()
