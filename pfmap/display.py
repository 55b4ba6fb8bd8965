"""How results show themselves: one line in a terminal, a small table in a notebook, no arrays."""

from __future__ import annotations

import dataclasses
import html
from numbers import Rational
from operator import attrgetter
from pathlib import PurePath
from typing import Any, ClassVar

MOST_SIGNS = 200
"""Length that no line exceeds."""

_MOST_ITEMS = 8
_MOST_TEXT = 60
_PLAIN = (bool, int, float, str, type(None))


class Displayed:
    """A result with a line of its main numbers as ``repr``, and a table of all of them as HTML.

    A dataclass takes it as its base and is made with ``repr=False``.

    Attributes
    ----------
    SHOWN : tuple of str
        Attributes of the line, first in the table too; a dot reaches into an attribute. Empty: all
        fields.

    Examples
    --------
    >>> @dataclasses.dataclass(repr=False)
    ... class Found(Displayed):
    ...     llc: float
    ...     verdict: str
    >>> Found(0.25, "ok")
    Found(llc=0.25, verdict='ok')
    >>> Found(0.25, "ok")._repr_html_().count("<tr>")
    2
    """

    SHOWN: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        head, parts = type(self).__name__, []
        room = MOST_SIGNS - len(head) - len("(, …)")
        for name, text in displayed_values(self, all_fields=False).items():
            room -= len(f"{name}={text}, ")
            if room < 0:
                parts.append("…")
                break
            parts.append(f"{name}={text}")
        return f"{head}({', '.join(parts)})"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, displayed_values(self))


def displayed_values(result: Displayed, *, all_fields: bool = True) -> dict[str, str]:
    """What a result shows of itself, by name: its `SHOWN`, then the other fields.

    Parameters
    ----------
    result : Displayed
    all_fields : bool, default True
        Whether fields follow that are not in `SHOWN`.

    Returns
    -------
    dict of str to str
    """
    names = list(result.SHOWN)
    if dataclasses.is_dataclass(result) and (all_fields or not names):
        names += [field.name for field in dataclasses.fields(result)]
    return {name: value_text(attrgetter(name)(result)) for name in dict.fromkeys(names)}


def value_text(value: Any) -> str:
    """A value in a few signs: numbers with six digits, arrays and tables by their size alone.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import numpy as np
    >>> values = (0.1234567, Fraction(1, 2), "ok", (3, 8, 1), np.zeros((4, 2)), np.float64(2.0))
    >>> for value in values:
    ...     print(value_text(value))
    0.123457
    1/2
    'ok'
    (3, 8, 1)
    float64[4, 2]
    2
    """
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        value = value.item()
    elif isinstance(shape, tuple):
        kind = getattr(value, "dtype", type(value).__name__)
        return f"{kind}[{', '.join(map(str, shape))}]"
    if isinstance(value, float):
        return format(value, ".6g")
    if isinstance(value, str):
        text = repr(value)
        return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 2]}…{text[0]}"
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, (tuple, list)):
        short = len(value) <= _MOST_ITEMS and all(isinstance(item, _PLAIN) for item in value)
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        if short:
            return f"{opening}{', '.join(map(value_text, value))}{closing}"
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, dict):
        return f"dict of {len(value)}"
    if isinstance(value, PurePath):
        text = str(value)
        return text if len(text) <= _MOST_TEXT else f"…{text[1 - _MOST_TEXT :]}"
    if isinstance(value, Rational):
        return str(value)
    return type(value).__name__


def html_table(caption: str, rows: dict[str, str]) -> str:
    """Two columns, names and values, below a caption.

    Parameters
    ----------
    caption : str
    rows : dict of str to str
        Name to value, as `value_text` writes it.

    Examples
    --------
    >>> html_table("Found", {"llc": "1/2"})
    '<table><caption>Found</caption><tr><th>llc</th><td>1/2</td></tr></table>'
    """
    lines = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text, quote=False)}</td></tr>"
        for name, text in rows.items()
    )
    return f"<table><caption>{html.escape(caption)}</caption>{lines}</table>"
