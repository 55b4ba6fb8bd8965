"""Names of a package that are imported when they are first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any


def open_door(
    package: str, homes: dict[str, str], also: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that loads nothing before it is asked to.

    Parameters
    ----------
    package : str
        Its name, for the error.
    homes : dict of str to str
        Public name to its place, ``module:attribute``, or ``module`` alone for a module.
    also : iterable of str, default ()
        Further names that ``dir`` lists.

    Examples
    --------
    >>> get, names = open_door("stairs", {"root": "math:sqrt", "numbers": "numbers"})
    >>> get("root")(4.0), get("numbers").__name__, names()
    (2.0, 'numbers', ['numbers', 'root'])
    >>> get("cellar")
    Traceback (most recent call last):
        ...
    AttributeError: module 'stairs' has no attribute 'cellar'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found

    def names() -> list[str]:
        return sorted({*homes, *also})

    return get, names
