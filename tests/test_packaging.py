"""The wheel: every package on disk is listed, and nothing is called `cli`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile


def test_listed_packages_are_the_folders_on_disk(root):
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [path.parent for path in (root / "pfmap").rglob("__init__.py")]
    on_disk = {".".join(folder.relative_to(root).parts) for folder in folders} | {"pfmap_cli"}
    assert set(listed) == on_disk


def test_wheel_holds_the_data_files_and_no_module_named_cli(root, tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", str(root), "--no-deps", "-q", "-w", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("pfmap-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("cli/", "cli.", "tests/", "scripts/"))]
    for needed in (
        "pfmap/py.typed",
        "pfmap/experiments/default.toml",
        "pfmap/complexity/classes.csv",
        "pfmap/function_level/least_ranks.csv",
        "pfmap_cli/main.py",
    ):
        assert needed in names


def test_every_public_name_is_there_and_none_is_loaded_early():
    code = (
        "import sys, pfmap\n"
        "early = {'numpy', 'numba', 'pydantic', 'matplotlib', 'torch'} & set(sys.modules)\n"
        "assert not early, early\n"
        "for name in pfmap.__all__: assert getattr(pfmap, name), name\n"
        "assert 'torch' not in sys.modules, 'an extra'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_only_some_stages_need_is_not_loaded_with_the_pipeline():
    """Every command that opens a campaign would pay for it, a listing or a check too."""
    code = (
        "import sys, pfmap.pipeline\n"
        "early = {'scipy.stats', 'scipy.optimize', 'sklearn', 'matplotlib', 'arviz_stats'}\n"
        "assert not early & set(sys.modules), early & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
