"""Packages that only an extra of pfmap installs, imported when something asks for them."""

from __future__ import annotations

import importlib
from typing import Any

from pfmap.errors import EnvironmentFault


def needed(module: str, *, extra: str, by: str) -> Any:
    """A module of an extra.

    Parameters
    ----------
    module : str
        Its full name.
    extra : str
        The extra of pfmap that installs it.
    by : str
        What needs it, for the message.

    Raises
    ------
    EnvironmentFault
        If it is not installed or cannot be loaded.

    Examples
    --------
    >>> needed("stairs", extra="torch", by="from_torch")
    Traceback (most recent call last):
        ...
    pfmap.errors.EnvironmentFault: from_torch: needs the package stairs: No module named 'stairs' \
(next: pip install 'pfmap[torch]')
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: a library of it is missing
        raise EnvironmentFault(
            f"{by}: needs the package {module.partition('.')[0]}: {error}",
            next_step=f"pip install 'pfmap[{extra}]'",
        ) from error
