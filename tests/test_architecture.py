"""The walk through the tree names places that are there."""

from __future__ import annotations

import re


def places(page: str) -> list[str]:
    """Files and folders between backticks."""
    return re.findall(r"`([\w/]+(?:\.py|/))`", page)


def test_every_place_of_the_walk_is_in_the_tree(root):
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = places(page)
    missing = [
        place
        for place in named
        if not ((root / place).exists() or (root / "pfmap" / place).exists())
    ]
    assert len(named) > 40
    assert not missing
    assert places("`no/where.py` and `words`") == ["no/where.py"]


def test_every_room_has_a_row(root):
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (root / "pfmap").glob("*/__init__.py")}
    assert {place.split("/")[1] for place in places(page) if place.startswith("pfmap/")} >= rooms
