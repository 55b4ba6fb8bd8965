"""The files of compiled kernels: whole, checked before they are believed, made again if damaged.

Numba unpickles whatever its cache holds and loads the machine code inside it, so a file that a loss
of power emptied ends every later process, and one flipped bit can do anything. Here each compiled
signature is one file behind the SHA-256 of its bytes, written whole or not at all. A file that
fails is dropped, and its kernel is compiled again.

Whoever can write these files runs code as the user who loads them: only files of this user (or of
root), below a folder that nobody else can write, are read.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import stat
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from pfmap.errors import PfmapWarning

_MAGIC = b"pfmap kernel 1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_said: set[str] = set()


def cache_root() -> Path:
    """Folder of compiled kernels: ``NUMBA_CACHE_DIR`` if set, else the user's cache folder.

    Raises
    ------
    RuntimeError
        If this user has no home folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"]) / "pfmap"
    if os.path.isabs(os.environ.get("XDG_CACHE_HOME", "")):
        return Path(os.environ["XDG_CACHE_HOME"]) / "pfmap"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pfmap"
    return Path.home() / ".cache" / "pfmap"


@cache
def refusal() -> str:
    """Why compiled kernels cannot be kept on this machine; empty where they can be.

    A folder of this user is made private (mode 0700).
    """
    try:
        root = cache_root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = root.stat()
        if os.name == "posix":
            if found.st_uid not in _trusted():
                return (
                    f"{root} belongs to another user ({found.st_uid}), who can put any code there"
                )
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                mode = stat.S_IMODE(found.st_mode)
                return f"others can put any code into {root} (mode {mode:03o}): delete that folder"
            if found.st_uid == os.geteuid():
                root.chmod(0o700)
    except (OSError, RuntimeError) as error:
        return str(error)
    return "" if os.access(root, os.W_OK | os.X_OK) else f"{root} cannot be written"


def warn_of_refusal() -> None:
    """Say, once a process, why kernels are compiled anew."""
    if refusal():
        _say_once("refused", f"kernels are compiled anew in every process: {refusal()}")


def check_files(folder: Path) -> tuple[int, int]:
    """Read every file of compiled kernels below a folder and drop the damaged: sound, dropped."""
    sound = dropped = 0
    for path in sorted(folder.rglob("*.nbc")):
        if _content(path) is None:
            dropped += 1
        else:
            sound += 1
    return sound, dropped


class KernelCache(FunctionCache):
    """Compiled signatures of one kernel, a file each; nothing in them can end a run.

    Parameters
    ----------
    kernel : function
    folder : Path
        Named by a digest of the sources that decide its machine code.
    """

    def __init__(self, kernel: Any, folder: Path) -> None:
        # Numba's own constructor would look for a folder; its loading and saving are replaced.
        self._py_func = kernel
        self._name = repr(kernel)
        self._cache_path = str(folder)
        self._base = folder / f"{kernel.__qualname__}-{kernel.__code__.co_firstlineno}"
        self.enable()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel for a signature, or None where it must be compiled."""
        target_context.refresh()
        key = self._index_key(sig, target_context.codegen())
        path = self._path(key)
        content = _content(path)
        if content is None:
            return None
        try:
            found, payload = pickle.loads(content)
            return CompileResult._rebuild(target_context, *payload) if found == key else None
        except MemoryError:
            raise
        except Exception as error:  # whole, and yet not what this numba can load
            _drop(path, repr(error))
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel; where the disk refuses, the next process compiles it again."""
        key = self._index_key(sig, data.codegen)
        content = dumps((key, data._reduce()))
        try:
            _write(self._path(key), content)
        except OSError as error:
            _say_once("unsaved", f"compiled kernels cannot be kept: {error}")

    def flush(self) -> None:
        """Forget every signature."""
        for path in self._base.parent.glob(f"{self._base.name}.*.nbc"):
            path.unlink(missing_ok=True)

    def _path(self, key: Any) -> Path:
        # The key itself lies in the file too: an equal name is not yet an equal signature.
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._base.with_name(f"{self._base.name}.{digest}.nbc")


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, behind the digest of its bytes."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(content).digest() + content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _content(path: Path) -> bytes | None:
    """What a file holds behind its digest; None if it is absent, or was damaged and is dropped."""
    try:
        with open(path, "rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        _drop(path, error.strerror or str(error))
        return None
    if os.name == "posix" and owner not in _trusted():
        _drop(path, f"it belongs to another user ({owner})")
        return None
    begin = len(_MAGIC) + _DIGEST_BYTES
    digest = hashlib.sha256(memoryview(content)[begin:]).digest()
    if content[:begin] != _MAGIC + digest:
        _drop(path, "its bytes are not those that were written")
        return None
    return content[begin:]


def _drop(path: Path, why: str) -> None:
    """Remove a file that cannot be loaded; said of the first."""
    _say_once("damaged", f"the file of a compiled kernel is compiled again: {path}: {why}")
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a folder, or not ours: saving will say that it is in the way
        return


def _trusted() -> tuple[int, int]:
    """User numbers whose files are loaded: this user's, and root's."""
    return os.geteuid(), 0


def _say_once(kind: str, text: str) -> None:
    if kind not in _said:
        _said.add(kind)
        warnings.warn(text, PfmapWarning, stacklevel=2)
