"""Copy the small tables and the figures of a finished campaign into results/reference/NAME.

    pfmap run --fresh && python scripts/reference_results.py results/default

The large tables (functions.parquet, counts/) stay out: the campaign file, the seed and the versions
in provenance.json bring them back.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
FILES = (
    "campaign.toml",
    "provenance.json",
    "summary.md",
    "llc.parquet",
    "ladder.parquet",
    "classes.parquet",
    "free_energy.parquet",
    "relations.parquet",
    "crossings.parquet",
    "volume.parquet",
    "evidence.parquet",
    "fits.parquet",
    "correlations.parquet",
    "predictors.parquet",
)


def main() -> None:
    """Copy them, replacing what was there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of a finished campaign")
    folder = parser.parse_args().folder
    target = REFERENCE / folder.name
    shutil.rmtree(target, ignore_errors=True)
    (target / "figures").mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(folder / name, target / name)
    for figure in sorted((folder / "figures").glob("*.png")):
        shutil.copyfile(figure, target / "figures" / figure.name)


if __name__ == "__main__":
    main()
