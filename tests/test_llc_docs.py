"""The page about learning coefficients names what the code says."""

from __future__ import annotations

from pfmap.llc.diagnostics import ADVICE


def test_page_names_every_verdict(root):
    page = (root / "docs" / "llc.md").read_text(encoding="utf-8")
    assert all(f"| `{verdict}` |" in page for verdict in (*ADVICE, "kink"))
