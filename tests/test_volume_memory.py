"""No result depends on what memory held before it was used."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = Path(__file__).parent / "memory_driver.py"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc fills memory on request")
def test_volumes_do_not_depend_on_what_memory_held():
    """The allocator fills freed memory with 0xff, NaN as a number, or with 0x01, and fresh memory
    with the complement: numbers next to 0, or beyond 1e303."""
    said = [
        subprocess.run(
            [sys.executable, str(DRIVER)], env={**os.environ, "MALLOC_PERTURB_": fill}, check=True,
            capture_output=True, text=True, timeout=300,
        ).stdout
        for fill in ("255", "1")
    ]  # fmt: skip
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == 25
