"""The one renderer: data on stdout, as text for people or as JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


_emitted: list[str] = []


def emit(payload: dict[str, Any], text: str, as_json: bool) -> None:
    """Print `payload` as JSON, or `text`."""
    said = json.dumps(_plain(payload), indent=2, ensure_ascii=not _unicode()) if as_json else text
    _emitted.append(said)
    typer.echo(said)


def _unicode() -> bool:
    """Whether stdout can hold every character; JSON has escapes of its own for the others."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def emit_error(payload: dict[str, Any]) -> None:
    """Print an error as JSON, unless a result stands on stdout already: it is one document."""
    if not _emitted:
        emit(payload, "", as_json=True)


def _plain(value: Any) -> Any:
    """Turn arrays, paths and NaN into what JSON knows (NaN and infinity become null)."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def table(rows: list[dict[str, Any]], columns: list[str] | None = None) -> str:
    """Rows as an aligned text table, numbers to the right.

    Examples
    --------
    >>> print(table([{"name": "lz", "value": 1.5}, {"name": "bdd", "value": 12.0}]))
    name  value
    lz      1.5
    bdd      12
    """
    if not rows:
        return "(none)"
    names = columns or list(rows[0])
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    numeric = [
        all(isinstance(row.get(name), (int, float, type(None))) for row in rows) for name in names
    ]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]

    def line(parts: list[str]) -> str:
        aligned = [
            part.rjust(width) if right else part.ljust(width)
            for part, width, right in zip(parts, widths, numeric, strict=True)
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(names), *(line(parts) for parts in cells)])


def counted(n: int, noun: str) -> str:
    """A number with its noun, in the plural but for 1."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def counting_text(counting: dict[str, Any]) -> list[str]:
    """How a campaign counts its functions, in a line; none where it keeps all.

    Examples
    --------
    >>> counting_text(
    ...     {"keep": "sampled", "functions": 141, "inclusion": 1 / 64, "count_error": None}
    ... )
    ['keeps sampled functions: 141 in the table, 1 in 64, counted exactly']
    """
    if counting["keep"] == "all":
        return []
    line = f"keeps {counting['keep']} functions"
    if counting["functions"] is not None:
        line += f": {counting['functions']:,} in the table"
    if counting["inclusion"] is not None:
        line += f", 1 in {1.0 / counting['inclusion']:,.0f}, counted exactly"
    if counting["count_error"] is not None:
        line += f", each count too small by {counting['count_error']:,} at most"
    return [line]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
