"""What decides the bytes of a result: the code of pfmap, and the libraries under it."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pfmap
from pfmap.errors import EnvironmentFault

_LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "pyarrow", "pandas")


@cache
def code_versions() -> dict[str, str]:
    """Versions by name; ``pfmap`` is followed by a digest of all its source files.

    Examples
    --------
    >>> sorted(code_versions())
    ['llvmlite', 'numba', 'numpy', 'pandas', 'pfmap', 'pyarrow', 'python', 'scipy']
    """
    digest = hashlib.sha256()
    root = Path(pfmap.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    found = {name: version(name) for name in _LIBRARIES}
    found["python"] = platform.python_version()
    found["pfmap"] = f"{pfmap.__version__} ({digest.hexdigest()[:12]})"
    return found


def version_differences(here: dict[str, str], there: dict[str, str]) -> str:
    """What differs, in words; empty if nothing does.

    Examples
    --------
    >>> version_differences({"numpy": "2.0"}, {"numpy": "2.1"})
    'numpy 2.1 there, 2.0 here'
    """
    return "; ".join(
        f"{name} {there.get(name, 'none')} there, {here[name]} here"
        for name in sorted(here)
        if there.get(name) != here[name]
    )


def check_same_code(here: dict[str, str], there: dict[str, str], who: str) -> None:
    """Refuse a worker whose code is not that of the run.

    Raises
    ------
    EnvironmentFault
        Naming what differs.
    """
    differences = version_differences(here, there)
    if differences:
        raise EnvironmentFault(
            f"cluster: {who} must run the same code, got {differences}",
            next_step="install the same versions there, then restart the workers",
        )
