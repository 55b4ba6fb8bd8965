"""The files of compiled kernels: damaged ones heal, those of others are not loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest
from numba import config

from pfmap.errors import EnvironmentFault, PfmapWarning
from pfmap.kernels import _cache, _check_threads

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled"),
    pytest.mark.skipif(os.name != "posix", reason="owners and modes"),
]

SPECTRUM = """
import numpy as np
from pfmap.kernels.walsh import walsh_summary
total, degree = np.empty(1, np.int64), np.empty(1, np.int64)
walsh_summary(np.array([[0, 1, 1, 0]], np.uint8), total, degree)
print(total[0], degree[0], sum(walsh_summary.stats.cache_hits.values()))
"""
COMPILED, LOADED = "4 2 0\n", "4 2 1\n"


def spectrum(folder: Path | None, **environment: str) -> tuple[str, str]:
    """What a process that needs one kernel prints: the spectrum of XOR, and how often it loaded."""
    if folder is not None:
        environment["NUMBA_CACHE_DIR"] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", SPECTRUM],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def kernel_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.nbc")
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[str, bytes]:
    """Name below the cache's folder, and bytes, of the file of one kernel."""
    folder = tmp_path_factory.mktemp("cache")
    assert spectrum(folder) == (COMPILED, "")
    assert spectrum(folder) == (LOADED, "")
    path = kernel_file(folder)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return str(path.relative_to(folder)), path.read_bytes()


def cached(folder: Path, name: str, content: bytes) -> Path:
    """A cache that holds one file."""
    (folder / name).parent.mkdir(parents=True)
    (folder / "pfmap").chmod(0o700)
    (folder / name).write_bytes(content)
    return folder


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "halved": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one byte long": lambda content: content + b"\0",
    "zeros": lambda content: bytes(len(content)),
    "a bit of the head": lambda content: flipped(content, 3),
    "a bit of the digest": lambda content: flipped(content, 20),
    "a bit of the pickle": lambda content: flipped(content, 60),
    "a bit of the machine code": lambda content: flipped(content, len(content) // 2),
    "the last bit": lambda content: flipped(content, len(content) - 1),
    "another pickle": lambda content: b"\x80\x04K\x01.",
    "numba's own pickle": lambda content: content[47:],
}


def fresh(folder: Path) -> Any:
    """A kernel of this process, not compiled yet, with its files in a folder."""

    def twice(x):
        return x + x

    kernel = numba.njit(twice)
    kernel._cache = _cache.KernelCache(twice, folder)
    return kernel


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_damage_is_seen_and_heals(tmp_path, monkeypatch, damage):
    assert fresh(tmp_path)(2) == 4
    path = kernel_file(tmp_path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    monkeypatch.setattr(_cache, "_said", set())
    damaged = fresh(tmp_path)
    with pytest.warns(PfmapWarning, match=r"compiled again: .*twice.*not those that were written"):
        assert damaged(2) == 4
    assert not damaged.stats.cache_hits
    healed = fresh(tmp_path)
    assert healed(2) == 4
    assert healed.stats.cache_hits


def test_signatures_have_a_file_each_and_are_forgotten_together(tmp_path):
    kernel = fresh(tmp_path)
    assert (kernel(2), kernel(2.5)) == (4, 5.0)
    assert len(list(tmp_path.iterdir())) == 2
    kernel.recompile()
    loaded = fresh(tmp_path)
    assert (loaded(2), loaded(2.5)) == (4, 5.0)
    assert sum(loaded.stats.cache_hits.values()) == 2
    loaded._cache.flush()
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_another_signature_is_not_taken(tmp_path):
    kernel = fresh(tmp_path)
    kernel(2)
    whole = kernel_file(tmp_path).read_bytes()
    kernel(2.5)
    for path in tmp_path.iterdir():
        path.write_bytes(whole)
    assert fresh(tmp_path)(2.5) == 5.0


@pytest.mark.parametrize("damage", ["empty", "halved", "a bit of the machine code"])
def test_a_process_that_meets_a_damaged_kernel_compiles_it_once_and_says_so(
    written, tmp_path, damage
):
    name, content = written
    folder = cached(tmp_path, name, DAMAGE[damage](content))
    out, said = spectrum(folder)
    assert out == COMPILED
    assert name in said
    assert spectrum(folder) == (LOADED, "")


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"cno_such_module\nname\n."])
def test_a_whole_file_that_numba_cannot_load_is_compiled_again(tmp_path, monkeypatch, content):
    fresh(tmp_path)(2)
    _cache._write(kernel_file(tmp_path), content)
    monkeypatch.setattr(_cache, "_said", set())
    with pytest.warns(PfmapWarning, match="compiled again"):
        assert fresh(tmp_path)(2) == 4
    assert fresh(tmp_path)(2) == 4


def test_a_folder_where_a_kernel_should_be_ends_nothing(written, tmp_path):
    name, _ = written
    folder = cached(tmp_path, name, b"")
    (folder / name).unlink()
    (folder / name).mkdir()
    out, said = spectrum(folder)
    assert out == COMPILED
    assert "compiled kernels cannot be kept" in said


def test_checking_the_cache_drops_the_damaged_files(written, tmp_path, monkeypatch):
    name, content = written
    folder = cached(tmp_path, name, content)
    assert _cache.check_files(folder) == (1, 0)
    (folder / name).write_bytes(content[:-1])
    monkeypatch.setattr(_cache, "_said", set())
    with pytest.warns(PfmapWarning, match="compiled again"):
        assert _cache.check_files(folder) == (0, 1)
    assert _cache.check_files(folder) == (0, 0)


def test_the_folder_is_private(tmp_path):
    (tmp_path / "pfmap").mkdir(mode=0o755)
    spectrum(tmp_path)
    assert (tmp_path / "pfmap").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_is_not_used(written, tmp_path, mode):
    name, content = written
    folder = cached(tmp_path, name, content)
    (folder / "pfmap").chmod(mode)
    out, said = spectrum(folder)
    assert out == COMPILED  # though a sound file of this very kernel lies there
    assert f"others can put any code into {folder / 'pfmap'} (mode {mode:03o})" in said
    assert len(list(folder.rglob("*.nbc"))) == 1


@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_not_loaded(written, tmp_path):
    name, content = written
    folder = cached(tmp_path / "folder", name, content)
    os.chown(folder / "pfmap", 12345, -1)
    out, said = spectrum(folder)
    assert out == COMPILED
    assert "belongs to another user (12345)" in said
    folder = cached(tmp_path / "file", name, content)
    os.chown(folder / name, 12345, -1)
    out, said = spectrum(folder)
    assert out == COMPILED
    assert "belongs to another user (12345)" in said
    assert spectrum(folder) == (LOADED, "")


def test_a_cache_that_cannot_be_made_costs_a_compilation_and_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    out, said = spectrum(None, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert out == COMPILED
    assert "compiled anew in every process" in said


@pytest.mark.parametrize("threads", ["0", "-1", "abc", "", "1.5", "1000000000", "9" * 5000])
def test_an_odd_number_of_threads_is_refused(threads):
    with pytest.raises(EnvironmentFault, match="NUMBA_NUM_THREADS: must be a whole number from 1"):
        _check_threads(threads)
