"""One column of a table of the data contract."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, unit ("" if none) and meaning."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str
