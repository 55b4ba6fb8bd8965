"""The table of least ranks that ships with pfmap: one row a class of functions of 1 to 4 inputs.

    python scripts/least_ranks.py            write it, about two minutes
    python scripts/least_ranks.py --check    exit code 1 if the table differs

Functions and patterns are hexadecimal numbers Σ_x f(x) 2^x, x the place in counting order. `units`
is the least width at which a network built from the patterns was checked to have λ = rank/2.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys

import numpy as np

from pfmap.errors import SettingsError
from pfmap.function_level import least_ranks, realise_function
from pfmap.function_level.listed import COLUMNS, TABLE
from pfmap.function_level.minimum import MAX_LISTED_INPUTS


def number(bits: np.ndarray) -> str:
    """Σ_x bits[x] 2^x in hexadecimal."""
    return f"{int(bits.astype(np.int64) @ (1 << np.arange(len(bits)))):x}"


def units_needed(table: np.ndarray, patterns: np.ndarray, rank: int) -> int:
    """Least width of one hidden layer at which the patterns give λ = rank/2, by construction."""
    n = len(table).bit_length() - 1
    if not len(patterns):
        return 0
    for width in range(len(patterns), 2 * len(patterns) + 1):
        try:
            found = realise_function(table, (n, width, 1), patterns=patterns)
        except SettingsError:  # too narrow
            continue
        if found.verdict == "exact" and 2 * found.high == rank:
            return width
    raise AssertionError(f"two units a pattern give λ = {rank}/2")


def table_text(n_inputs: range) -> str:
    """The table as text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for n in n_inputs:
        found = least_ranks(n)
        for table, patterns in found.witnesses:
            rank = found.ranks[int(number(table), 16)]
            units = units_needed(table, patterns, int(rank))
            writer.writerow([n, number(table), rank, units, " ".join(map(number, patterns))])
    return stream.getvalue()


def main() -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    text = table_text(range(1, MAX_LISTED_INPUTS + 1))
    if parser.parse_args().check:
        return int(text != TABLE.read_text(encoding="utf-8"))
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
