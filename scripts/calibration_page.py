"""Fill docs/calibration.md with what `pfmap calibrate` found, and write the tables of all models.

    pfmap calibrate --out results/reference/calibration
    python scripts/calibration_page.py [--check]

Text of the page between ``<!-- NAME -->`` and ``<!-- /NAME -->`` is made from the tables, and so is
``SUITE/models.md`` beside each of them. With ``--check`` nothing is written; exit code 1 if a file
differs from the tables.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path

import pandas as pd

from pfmap.calibration.calibrate import OFF, totals
from pfmap.store.tables import read_file

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "calibration.md"
TABLES = ROOT / "results" / "reference" / "calibration"
SUITES = ("default", "drawn", "singular")
TOGETHER = "together"

# What the estimator is asked for on all suites together: label, value, how it is shown, rule.
TARGETS = (
    ("`ok` and off by more than 3 %", "ok_off", "{:d}", "0", lambda value: value == 0),
    ("verdict `ok`", "ok_share", "{:.0%}", ">= 60 %", lambda value: value >= 0.6),
    ("95 % interval holds λ", "covered", "{:.1%}", ">= 93 %", lambda value: value >= 0.93),
    ("the same, worst family", "family_covered", "{:.0%}", ">= 85 %", lambda value: value >= 0.85),
    ("m stated and wrong", "m_wrong_share", "{:.1%}", "<= 1 %", lambda value: value <= 0.01),
    ("seconds of the median model", "median_s", "{:.1f}", "<= 3", lambda value: value <= 3),
)

OTHERS = (
    ("models", "models", "{:d}"),
    ("m stated", "m_stated", "{:d}"),
    ("median \\|error\\|", "median_error", "{:.1%}"),
    ("worst error with verdict `ok`", "worst_ok_error", "{:.1%}"),
    ("median \\|error\\| where λ ≠ rank/2", "sampled_median_error", "{:.1%}"),
    ("pairs of a family ordered right", "pairs_ordered", "{:.1%}"),
    ("median error of one temperature, nβ = 1086", "single_error", "{:.1%}"),
    ("gradients", "gradients", "{:.2g}"),
)


def summary(table: pd.DataFrame) -> dict[str, float | int]:
    """Totals with the shares that are asked for."""
    found = totals(table)
    found["ok_share"] = found["ok"] / found["models"]
    found["m_wrong_share"] = found["m_wrong"] / max(found["m_stated"], 1)
    return found


def totals_markdown(tables: dict[str, pd.DataFrame]) -> str:
    """The totals of every suite, and of all together beside what is asked for."""
    parts = {**tables, TOGETHER: pd.concat(tables.values(), ignore_index=True)}
    found = {name: summary(table) for name, table in parts.items()}
    lines = [f"| | {' | '.join(found)} | asked for |", "| --- |" + " ---: |" * (len(found) + 1)]
    for label, key, shown, rule, meets in TARGETS:
        cells = [shown.format(found[name][key]) for name in found]
        if not meets(found[TOGETHER][key]):
            cells[-1] = f"**{cells[-1]}** (missed)"
        lines.append(f"| {label} | {' | '.join(cells)} | {rule} |")
    for label, key, shown in OTHERS:
        lines.append(f"| {label} | {' | '.join(shown.format(found[n][key]) for n in found)} | |")
    return "\n".join(lines) + "\n"


def families_markdown(tables: dict[str, pd.DataFrame]) -> str:
    """One row a family, of all suites together."""
    lines = [
        "| family | models | `ok` | interval holds λ | median \\|error\\| | worst `ok` error | "
        "m stated | m wrong | median s |",
        "| --- |" + " ---: |" * 8,
    ]
    for name, rows in pd.concat(tables.values(), ignore_index=True).groupby("family"):
        found = summary(rows)
        worst = "" if math.isnan(found["worst_ok_error"]) else f"{found['worst_ok_error']:.1%}"
        lines.append(
            f"| {name} | {found['models']} | {found['ok']} | "
            f"{round(found['covered'] * found['models'])} | {found['median_error']:.1%} | {worst} "
            f"| {found['m_stated']} | {found['m_wrong']} | {found['median_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def missed_markdown(tables: dict[str, pd.DataFrame]) -> str:
    """The models whose interval misses λ, whose `ok` is off, or whose stated m is wrong."""
    parts = []
    for suite, table in tables.items():
        ok_off = (table["verdict"] == "ok") & ~(table["error"].abs() <= OFF)
        m_wrong = table["multiplicity"].notna() & (
            table["multiplicity"] != table["true_multiplicity"]
        )
        parts.append(table[~table["covered"] | ok_off | m_wrong].assign(suite=suite))
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return "None.\n"
    lines = ["| suite | model | λ | m | λ̂ | 95 % | m̂ | verdict |", "| --- | --- |" + " ---: |" * 6]
    for row in rows.to_dict("records"):
        m = "?" if pd.isna(row["multiplicity"]) else str(int(row["multiplicity"]))
        lines.append(
            f"| {row['suite']} | {_name(row)} | {row['true_llc']:.4g} | {row['true_multiplicity']} "
            f"| {row['llc']:.4g} | {row['low']:.4g} to {row['high']:.4g} | {m} | "
            f"{row['verdict']} |"
        )
    return "\n".join(lines) + "\n"


def models_markdown(suite: str, table: pd.DataFrame) -> str:
    """One row a model."""
    lines = [
        f"# Calibration, suite `{suite}`",
        "",
        "[The page](../../../../docs/calibration.md) says what the columns are.",
        "",
        "| model | d | λ | m | λ̂ | s.e. | 95 % | error | m̂ (weight of m) | verdict | needs nβ | "
        "not to be told | one nβ | gradients | s |",
        "| --- |" + " ---: |" * 14,
    ]
    for row in table.to_dict("records"):
        m = "?" if pd.isna(row["multiplicity"]) else str(int(row["multiplicity"]))
        se = "exact" if row["exact"] else f"{row['llc_se']:.4f}"
        interval = "" if row["exact"] else f"{row['low']:.4g} to {row['high']:.4g}"
        needed = f"{row['needed_n_beta']:.0e}" if math.isfinite(row["needed_n_beta"]) else ""
        lines.append(
            f"| {_name(row)} | {row['n_parameters']} | {row['true_llc']:.4g} | "
            f"{row['true_multiplicity']} | {row['llc']:.4g} | {se} | {interval} | "
            f"{100 * row['error']:+.1f} % | {m} ({row['weight_true_m']:.2f}) | {row['verdict']} | "
            f"{needed} | {row['limit']} | {row['single_llc']:.3g} | {row['n_gradients']:.1e} | "
            f"{row['elapsed_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _name(row: dict[str, object]) -> str:
    """The model's name; a bar would end the cell."""
    return str(row["name"]).replace("|", "\\|")


def filled(page: str, tables: dict[str, pd.DataFrame]) -> str:
    """The page with its blocks renewed."""
    blocks = {
        "totals": totals_markdown(tables),
        "families": families_markdown(tables),
        "missed": missed_markdown(tables),
    }
    for name, text in blocks.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page, count = mark.subn(lambda found, text=text: found[1] + text + found[2], page)
        if count != 1:
            raise SystemExit(f"{PAGE.name}: needs one block <!-- {name} -->, found {count}")
    return page


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    tables = {
        suite: read_file(TABLES / suite / "calibration.parquet", "calibration").to_pandas()
        for suite in SUITES
    }
    texts = {
        TABLES / suite / "models.md": models_markdown(suite, tables[suite]) for suite in SUITES
    }
    texts[PAGE] = filled(PAGE.read_text(encoding="utf-8"), tables)
    differing = [
        path for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]  # fmt: skip
    if options.check:
        for path in differing:
            print(f"{path.relative_to(ROOT)} differs from the tables: run {Path(__file__).name}")
        return int(bool(differing))
    for path in differing:
        path.write_text(texts[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
