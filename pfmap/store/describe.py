"""The columns of every table as Markdown, for the documentation."""

from __future__ import annotations

import re

from .schema import LZ_ORBIT_MIN, TABLES, Column

_BLOCK = re.compile(r"(<!-- columns (\w+) -->\n).*?(<!-- /columns -->)", re.DOTALL)
_COLUMNS = {**TABLES, LZ_ORBIT_MIN.name: (LZ_ORBIT_MIN,)}


def columns_markdown(columns: tuple[Column, ...]) -> str:
    """Columns as a Markdown table: name, type, unit and meaning.

    Examples
    --------
    >>> print(columns_markdown(TABLES["counts"][1:2]), end="")
    | column | type | unit | meaning |
    | --- | --- | --- | --- |
    | `count` | int64 | draws | Draws of the block that express the function. |
    """
    lines = ["| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
    for column in columns:
        meaning = column.meaning.replace("|", "\\|")
        lines.append(f"| `{column.name}` | {column.type} | {column.unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def fill_page(text: str) -> str:
    """`text` with the columns between ``<!-- columns TABLE -->`` and ``<!-- /columns -->`` renewed.

    Parameters
    ----------
    text : str
        A page of the documentation, such as ``docs/files.md``.

    Returns
    -------
    str
        The same text if the page is up to date.

    Raises
    ------
    KeyError
        If the page names a table that does not exist.
    """
    return _BLOCK.sub(lambda m: m[1] + columns_markdown(_COLUMNS[m[2]]) + m[3], text)
