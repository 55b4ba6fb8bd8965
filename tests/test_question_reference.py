"""What the shipped run of the default campaign says, and the controls that a referee would ask."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def tables(root):
    folder = root / "results" / "reference" / "default"
    return {
        name: pd.read_parquet(folder / f"{name}.parquet")
        for name in ("classes", "free_energy", "relations")
    }


def test_the_page_holds_the_numbers_of_the_reference(tables, root):
    """docs/finding.md names coefficients with their intervals: those of the shipped tables."""
    page = " ".join((root / "docs" / "finding.md").read_text(encoding="utf-8").split())
    table = tables["relations"]
    judged = table[table["verdict"] != "described"]
    said = [
        ("log2_p", "log2_p_kernel", False, None),
        ("lambda_eff", "log2_p", False, 75.0),
        ("lambda_eff", "log2_p", True, 75.0),
        ("free_energy", "log2_p", True, 75.0),
        ("lambda_eff", "function_llc", False, 1e6),
        ("lambda_eff", "log2_p", False, 1e6),
        ("log2_p", "function_llc", False, None),
        ("log2_p", "function_llc", True, None),
        ("log2_p", "sensitivity", True, None),
        ("log2_p", "halfspaces", True, None),
        ("delta", "halfspaces", True, None),
        ("delta", "function_llc", True, None),
    ]
    for x, y, given, n in said:
        at = judged["at_n"].isna() if n is None else (judged["at_n"] - n).abs() < 0.5
        rows = judged[(judged["x"] == x) & (judged["y"] == y) & at]
        (row,) = rows[(rows["given"] != "") == given].to_dict("records")
        text = f"{row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
        assert text in page, (x, y, given, n, text)
        assert text.replace("0.", "9.") not in page  # control: other digits are not there


def test_the_page_says_how_well_the_curves_are_known(tables, root):
    """Shares of classes whose λ_eff has a stated error of at most 5 %, and curves that warn."""
    page = " ".join((root / "docs" / "finding.md").read_text(encoding="utf-8").split())
    energies, classes = tables["free_energy"], tables["classes"]
    known = energies["lambda_eff_se"] <= 0.05 * energies["lambda_eff"]
    share = {n: f"{known[np.isclose(energies['n'], n)].mean():.0%}" for n in (1e2, 1e3, 1e4, 1e6)}
    said = "known to 5 % for all 48 classes at n = 100, for 96 % at 1,000, 81 % at 10^4 and 60 % at"
    assert share == {1e2: "100%", 1e3: "96%", 1e4: "81%", 1e6: "60%"}
    assert said in page
    warned = (classes.loc[classes["chosen"], "warning"].fillna("") != "").sum()
    assert f"{warned} of 48 curves warn" in page


def test_probabilities_of_all_classes_close_within_their_errors(tables):
    """Σ size × P = 1: those without P are rarer than all that matters."""
    classes = tables["classes"]
    parts = classes["orbit_size"] * 2.0 ** classes["log2_p"]
    known = parts.notna()
    error = math.sqrt(((parts * math.log(2.0) * classes["log2_p_se"])[known] ** 2).sum())
    assert abs(parts[known].sum() - 1.0) < 0.01
    assert error < 0.01
    # Control: a class of one per cent left out fails.
    hundredth = parts[(parts > 0.01) & (parts < 0.2)].min()
    assert abs(parts[known].sum() - hundredth - 1.0) >= 0.01 - 1e-4
