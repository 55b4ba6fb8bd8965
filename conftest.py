"""What needs an extra is skipped where the extra is not installed, and says so."""

from __future__ import annotations

import importlib.util

import pytest

HAS_TORCH = importlib.util.find_spec("torch") is not None

# These import PyTorch as they are loaded, and are loaded by what has asked for it already.
collect_ignore_glob = [] if HAS_TORCH else ["pfmap/models/foreign/torch_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the pages and docstrings whose examples import PyTorch."""
    skip = pytest.mark.skip(reason="examples need PyTorch: pip install 'pfmap[torch]'")
    for item in items:
        if not HAS_TORCH and isinstance(item, pytest.DoctestItem):
            sources = "".join(example.source for example in item.dtest.examples)
            if "import torch" in sources:
                item.add_marker(skip)
