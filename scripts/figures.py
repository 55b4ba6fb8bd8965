"""Regenerate every figure of a campaign from its tables alone, byte for byte.

    python scripts/figures.py results/default [--out DIR] [--check]

Reads ``campaign.toml`` and the Parquet tables of the folder; draws nothing and computes nothing
from the network. With ``--check`` the figures are drawn into a temporary folder and compared with
those stored in the folder: exit code 4 names the files that differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from pfmap.errors import PfmapError
from pfmap.figures import draw_figures


def main(arguments: list[str] | None = None) -> int:
    """Draw, or check, the figures of one campaign's folder; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of a campaign, such as results/default")
    parser.add_argument("--out", type=Path, help="where to write (default: FOLDER/figures)")
    parser.add_argument(
        "--check", action="store_true", help="compare with the stored figures, write nothing"
    )
    options = parser.parse_args(arguments)
    try:
        if options.check:
            return _check(options.folder, options.out or options.folder / "figures")
        for path in draw_figures(options.folder, out=options.out):
            print(path)
    except PfmapError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _check(folder: Path, stored: Path) -> int:
    """Compare freshly drawn figures with the `stored` ones; 0 if every byte agrees, else 4."""
    with tempfile.TemporaryDirectory() as scratch:
        drawn = draw_figures(folder, out=Path(scratch))
        different = [
            path.name
            for path in drawn
            if not (stored / path.name).is_file()
            or (stored / path.name).read_bytes() != path.read_bytes()
        ]
    for name in different:
        print(f"{stored / name}: missing, or differs from what the tables give")
    print(f"{len(drawn) - len(different)} of {len(drawn)} files agree")
    return 4 if different else 0


if __name__ == "__main__":
    sys.exit(main())
