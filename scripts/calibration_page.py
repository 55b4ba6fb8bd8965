"""Fill docs/calibration.md with the tables of `pfmap calibrate`.

    pfmap calibrate --out results/reference/calibration/default
    pfmap calibrate --drawn 2027 --out results/reference/calibration/drawn
    python scripts/calibration_page.py [--check]

Text between ``<!-- totals -->`` or ``<!-- models SUITE -->`` and the matching end mark is made from
the tables. With ``--check`` nothing is written; exit code 1 if the page differs from them.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path

import pandas as pd

from pfmap.llc.calibration.calibrate import totals
from pfmap.store.tables import read_file

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "calibration.md"
TABLES = ROOT / "results" / "reference" / "calibration"
SUITES = ("default", "drawn")

# What the estimator is asked for, as a rule on the totals.
TARGETS = {
    "median \\|error\\|": ("median_error", "<= 2 %", lambda value: value <= 0.02),
    "models within 5 %": ("within_5_percent", ">= 90 %", lambda value: value >= 0.9),
    "worst error with verdict `ok`": ("worst_ok_error", "<= 10 %", lambda value: value <= 0.1),
    "95 % interval holds λ": ("covered", ">= 90 %", lambda value: value >= 0.9),
    "m right where it can be told apart": ("m_right", ">= 90 %", lambda value: value >= 0.9),
    "pairs of a family ordered right": ("pairs_ordered", "100 %", lambda value: value == 1.0),
}


def totals_markdown(tables: dict[str, pd.DataFrame]) -> str:
    """The totals of every suite beside what is asked for."""
    found = {suite: totals(table) for suite, table in tables.items()}
    lines = [f"| | asked for | {' | '.join(SUITES)} |", "| --- | --- |" + " --- |" * len(SUITES)]
    lines.append(f"| models | | {' | '.join(str(found[s]['models']) for s in SUITES)} |")
    lines.append(f"| verdict `ok` | | {' | '.join(str(found[s]['ok']) for s in SUITES)} |")
    for label, (key, rule, meets) in TARGETS.items():
        cells = []
        for suite in SUITES:
            value = found[suite][key]
            said = f"{100 * value:.1f} %"
            if key == "m_right":
                said += f" of {found[suite]['told_apart']}"
            cells.append(said if meets(value) else f"**{said}** (missed)")
        lines.append(f"| {label} | {rule} | {' | '.join(cells)} |")
    for label, key in (
        ("sampled models (λ ≠ rank/2)", "sampled"),
        ("of these: median \\|error\\|", "sampled_median_error"),
        ("of these: 95 % interval holds λ", "sampled_covered"),
        ("m reported and wrong, all models", "m_wrong"),
        ("median error of one temperature, nβ = 1086", "single_error"),
    ):
        cells = [
            str(found[suite][key])
            if isinstance(found[suite][key], int)
            else f"{100 * found[suite][key]:.1f} %"
            for suite in SUITES
        ]
        lines.append(f"| {label} | | {' | '.join(cells)} |")
    lines.append(
        "| gradients | | " + " | ".join(f"{found[s]['gradients']:.2g}" for s in SUITES) + " |"
    )
    return "\n".join(lines) + "\n"


def models_markdown(table: pd.DataFrame) -> str:
    """One row a model."""
    lines = [
        "| model | d | λ | m | λ̂ | s.e. | error | z | m̂ (weight of m) | verdict | one nβ | "
        "gradients | s |",
        "| --- |" + " ---: |" * 12,
    ]
    for row in table.to_dict("records"):
        m = "?" if pd.isna(row["multiplicity"]) else str(int(row["multiplicity"]))
        se = "exact" if row["exact"] else f"{row['llc_se']:.4f}"
        z = "" if row["exact"] or not math.isfinite(row["z"]) else f"{row['z']:+.1f}"
        lines.append(
            f"| {row['name']} | {row['n_parameters']} | {row['true_llc']:.4g} | "
            f"{row['true_multiplicity']} | {row['llc']:.4g} | {se} | "
            f"{100 * row['error']:+.1f} % | {z} | {m} ({row['weight_true_m']:.2f}) | "
            f"{row['verdict']} | {row['single_llc']:.3g} | {row['n_gradients']:.1e} | "
            f"{row['elapsed_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def filled(page: str, tables: dict[str, pd.DataFrame]) -> str:
    """The page with its blocks renewed."""
    blocks = {"totals": totals_markdown(tables)}
    blocks |= {f"models {suite}": models_markdown(table) for suite, table in tables.items()}
    for name, text in blocks.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name.split()[0]} -->)", re.DOTALL)
        page, count = mark.subn(lambda found, text=text: found[1] + text + found[2], page)
        if count != 1:
            raise SystemExit(f"{PAGE.name}: needs one block <!-- {name} -->, found {count}")
    return page


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    tables = {
        suite: read_file(TABLES / suite / "calibration.parquet", "calibration").to_pandas()
        for suite in SUITES
    }
    before = PAGE.read_text(encoding="utf-8")
    after = filled(before, tables)
    if options.check:
        if before != after:
            print(f"{PAGE.name} differs from the tables: run scripts/calibration_page.py")
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
