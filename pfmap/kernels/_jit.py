"""The only caller of ``numba.njit``: fixed flags, and a cache that an edit cannot make stale.

Numba's own file cache looks at the file that holds a kernel, not at the files that kernel calls
into, so an edit in one module leaves stale machine code in another. Here every module's cache
folder is named by a digest of its source *and* of every kernel module it imports; the files of
activations, which the kernels compile, are among these.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from ._cache import KernelCache, cache_root, check_files, refusal, warn_of_refusal

# Never nnan/ninf: isnan(nan) must stay true, since NaN is an error and not a bit.
FAST = frozenset({"contract", "reassoc", "nsz", "arcp", "afn"})

_KERNELS = Path(__file__).parent
_ACTIVATIONS = _KERNELS.parent / "activations"
_REORDERED: set[Callable[..., Any]] = set()  # kernels that contain fast mathematics
_IMPORT = re.compile(r"^\s*from\s+(?:pfmap\.kernels\.|\.)(\w+)\s+import", re.MULTILINE)
_COMPILES_ACTIVATIONS = re.compile(r"^\s*from\s+pfmap\.activations\b", re.MULTILINE)


def _closure(module: str, found: set[Path]) -> set[Path]:
    """Files that the kernel `module` is made of: its own, those it imports, activations."""
    path = _KERNELS / f"{module}.py"
    if path in found or not path.exists():
        return found
    found.add(path)
    text = path.read_text(encoding="utf-8")
    if _COMPILES_ACTIVATIONS.search(text):
        found.update(_ACTIVATIONS.glob("*.py"))
    for imported in _IMPORT.findall(text):
        _closure(imported, found)
    return found


@cache
def kernel_digest(module: str) -> str:
    """Digest of the sources and settings that decide the machine code of kernel module `module`."""
    flags = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT)
    made_by = f"numba {numba.__version__} {flags} python {sys.version_info[:2]}"
    digest = hashlib.sha256(made_by.encode())
    for path in sorted(_closure(module, {_KERNELS / "_jit.py"})):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def kernel_folder(module: str) -> Path | None:
    """Folder of the machine code of kernel module `module`; None where none can be kept."""
    return None if refusal() else cache_root() / f"{module}-{kernel_digest(module)}"


def check_cache() -> tuple[int, int]:
    """Read all machine code of the kernels as they are now: sound files, damaged ones dropped."""
    folders = [kernel_folder(path.stem) for path in sorted(_KERNELS.glob("[a-z]*.py"))]
    found = [check_files(folder) for folder in folders if folder is not None]
    return sum(sound for sound, _ in found), sum(dropped for _, dropped in found)


def jit(
    function: Callable[..., Any] | None = None,
    *,
    fast: bool = False,
    inline: bool = False,
    allocates: bool = False,
) -> Any:
    """Compile a kernel: ``nopython``, GIL released, cached by the digest of its sources.

    Parameters
    ----------
    function : callable, optional
        The kernel; None when used as ``@jit(...)``.
    fast : bool, default False
        Allow contraction and reassociation (`FAST`). Never for random weights, whose bits must not
        depend on the CPU.
    inline : bool, default False
        Inline into the caller at the level of numba's own intermediate code.
    allocates : bool, default False
        The kernel makes arrays, calls one that does, or returns an array to Python. Only then are
        references to arrays counted, by a locked instruction at every slice: a third of the time of
        kernels that slice in their inner loops. Hot loops belong in kernels that do not allocate.
    """

    def compile_kernel(kernel: Callable[..., Any]) -> Any:
        reordered = fast or any(helper in _REORDERED for helper in _helpers(kernel))
        if reordered:
            _REORDERED.add(kernel)
        compiled = numba.njit(
            kernel,
            nogil=True,
            fastmath=set(FAST) if fast else False,
            inline="always" if inline else "never",
            # A process that compiles a kernel calls its helpers' own machine code, one that
            # loads it from the cache calls the copies inside it, and fast mathematics rounds
            # the two differently. Without calls there is one code. Other kernels round in one
            # way only, so LLVM may weigh the time to compile a copy at every call.
            forceinline=reordered,
            no_cfunc_wrapper=True,
            _nrt=allocates,
            error_model="numpy",
        )
        package, _, module = kernel.__module__.rpartition(".")
        if package == __package__ and not config.DISABLE_JIT:
            warn_of_refusal()
            if folder := kernel_folder(module):
                compiled._cache = KernelCache(kernel, folder)
        return compiled

    return compile_kernel if function is None else compile_kernel(function)


def _helpers(kernel: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Python functions of the kernels that `kernel` names."""
    named = (kernel.__globals__.get(name) for name in kernel.__code__.co_names)
    return [helper for found in named if (helper := getattr(found, "py_func", None))]
