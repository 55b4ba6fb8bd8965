"""Columns of what sets prior mass beside the learning coefficient of the same functions."""

from __future__ import annotations

import pyarrow as pa

from .column import Column

_key = pa.string()
_f8 = pa.float64()

FUNCTION_LLC = (
    Column("function", _key, "", "Key of the function."),
    Column(
        "function_llc",
        _f8,
        "",
        "λ_f, the least λ over all parameters that express ±1 of the function, by proof; null "
        "where only bounds are known.",
    ),
    Column("function_llc_low", _f8, "", "Lower bound on λ_f."),
    Column("function_llc_high", _f8, "", "Upper bound on λ_f; null where none is known."),
    Column("reason", pa.string(), "", "Where the bounds come from."),
)
