"""Print the lowest version of every dependency that pyproject.toml admits, as pip constraints.

    python scripts/lowest_versions.py > lowest.txt && pip install . -c lowest.txt

The continuous integration installs these and runs a campaign: a lower bound is a promise.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest_versions(text: str) -> list[str]:
    """Constraints ``name==version`` of the dependencies in the text of a pyproject.toml."""
    pins = []
    for requirement in tomllib.loads(text)["project"]["dependencies"]:
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
        if found is None:
            raise SystemExit(f"{requirement}: needs a lower bound name>=version and nothing else")
        pins.append(f"{found[1]}=={found[2]}")
    return pins


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest_versions(PYPROJECT.read_text(encoding="utf-8"))) + "\n")
