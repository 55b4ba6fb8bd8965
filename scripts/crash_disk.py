"""A disk that loses power: file-system calls recorded, and what they may have left behind.

`Recorder` notes what a process asks of a folder: contents written, contents and names synced. A
loss of power after any of these calls leaves what was synced, and of the rest anything: contents
lost, cut in half, or zeros where they were to be; names changed or not, in any order. `states`
lists such leftovers for every prefix of the calls.

Assumed of the disk is what POSIX promises: `fsync` of a file makes its contents last, `fsync` of a
folder its names. Nothing else is: neither that a rename waits for the contents of what it renames,
nor that names appear in the order in which they were made.
"""

from __future__ import annotations

import io
import itertools
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any
from unittest import mock

State = dict[str, bytes | None]
"""Contents by path from the folder; None for a folder."""

CONTENTS = ("lost", "half", "zeros", "whole")
_REAL = SimpleNamespace(open_file=open, **vars(os))
_MOST_NAMES = 6


@dataclass(frozen=True)
class Call:
    """One call: ``write``, ``cut`` or ``fsync`` of a file; ``name``, ``unname`` or ``sync``.

    A file is a number: names come and go. ``name`` gives it the name `path` (number None is a
    folder) and takes the name `before` away, ``unname`` takes `path` away, and ``sync`` makes the
    names in the folder `path` last.
    """

    kind: str
    file: int | None = None
    path: str = ""
    before: str = ""
    at: int = 0
    content: bytes = b""


class Recorder:
    """Notes the calls about a folder, but for its lock and for hidden folders in it.

    Parameters
    ----------
    folder : Path
        Exists, and is empty.
    syncs : bool, default True
        Whether ``fsync`` is done; False is a writer that forgets it.
    """

    def __init__(self, folder: Path, *, syncs: bool = True) -> None:
        self.calls: list[Call] = []
        self._folder = folder
        self._syncs = syncs
        self._numbers: dict[str, int] = {}
        self._opened: dict[int, str | int] = {}
        self._next = itertools.count()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """The calls made in the block are noted."""
        replaced = {
            "open": self._open,
            "close": self._close,
            "fsync": self._fsync,
            "mkdir": self._mkdir,
            "replace": self._replace,
            "unlink": self._unlink,
            "rmdir": self._rmdir,
        }
        with (
            mock.patch.multiple(os, **replaced),
            mock.patch("builtins.open", self._open_file),
            mock.patch("io.open", self._open_file),
        ):
            yield

    def _inside(self, path: Any) -> str:
        """The path from the folder; empty if it does not count."""
        if not isinstance(path, str | os.PathLike):
            return ""
        path = Path(os.path.abspath(path))
        if not path.is_relative_to(self._folder) or path.name == ".pfmap-lock":
            return ""
        inside = path.relative_to(self._folder)
        hidden = any(part.startswith(".") for part in inside.parts[:-1])
        return "" if hidden else inside.as_posix()

    def _open_file(self, file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        inside = self._inside(file)
        if not inside or set(mode) <= set("rbt"):
            return _REAL.open_file(file, mode, *rest, **options)
        raw = _Raw(self, inside, file, mode)
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    def opened(self, inside: str, descriptor: int, cleared: bool) -> int:
        """The number of a file that was opened to be written."""
        if inside not in self._numbers:
            self._numbers[inside] = next(self._next)
            self.calls.append(Call("name", self._numbers[inside], inside))
        elif cleared:
            self.calls.append(Call("cut", self._numbers[inside]))
        self._opened[descriptor] = self._numbers[inside]
        return self._numbers[inside]

    def wrote(self, number: int, at: int, content: bytes) -> None:
        """Contents were written; what continues the last write belongs to it."""
        last = self.calls[-1]
        if (last.kind, last.file, last.at + len(last.content)) == ("write", number, at):
            at, content = last.at, last.content + content
            self.calls.pop()
        self.calls.append(Call("write", number, at=at, content=content))

    def closed(self, descriptor: int) -> None:
        """A file was closed."""
        self._opened.pop(descriptor, None)

    def _open(self, path: Any, flags: int, *rest: Any, **options: Any) -> int:
        descriptor: int = _REAL.open(path, flags, *rest, **options)
        if "dir_fd" not in options and (inside := self._inside(path)):
            self._opened[descriptor] = inside
        return descriptor

    def _close(self, descriptor: int) -> None:
        self.closed(descriptor)
        _REAL.close(descriptor)

    def _fsync(self, descriptor: int) -> None:
        opened = self._opened.get(descriptor)
        if self._syncs and isinstance(opened, int):
            self.calls.append(Call("fsync", opened))
        elif self._syncs and opened is not None:
            self.calls.append(Call("sync", path=opened))

    def _mkdir(self, path: Any, *rest: Any, **options: Any) -> None:
        _REAL.mkdir(path, *rest, **options)
        inside = self._inside(path)
        if inside and not Path(inside).name.startswith("."):
            self.calls.append(Call("name", None, inside))

    def _replace(self, source: Any, target: Any) -> None:
        _REAL.replace(source, target)
        before, after = self._inside(source), self._inside(target)
        if before and after:
            self._numbers[after] = self._numbers.pop(before)
            self.calls.append(Call("name", self._numbers[after], after, before))

    def _unlink(self, path: Any, **options: Any) -> None:
        _REAL.unlink(path, **options)
        if "dir_fd" not in options and self._numbers.pop(self._inside(path), None) is not None:
            self.calls.append(Call("unname", path=self._inside(path)))

    def _rmdir(self, path: Any, **options: Any) -> None:
        _REAL.rmdir(path, **options)
        inside = "" if "dir_fd" in options else self._inside(path)
        if inside and not Path(inside).name.startswith("."):
            self.calls.append(Call("unname", path=inside))


class _Raw(io.FileIO):
    """A file that tells the recorder what is written to it."""

    def __init__(self, recorder: Recorder, inside: str, path: Any, mode: str) -> None:
        super().__init__(path, mode.replace("b", ""))
        self._recorder = recorder
        self._appends = "a" in mode
        self._number = recorder.opened(inside, self.fileno(), cleared="w" in mode)

    def write(self, content: Any) -> int:
        at = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        done = super().write(content) or 0
        self._recorder.wrote(self._number, at, bytes(content)[:done])
        return done

    def truncate(self, size: int | None = None) -> int:
        size = super().truncate(size)
        self._recorder.calls.append(Call("cut", self._number, at=size))
        return size

    def close(self) -> None:
        if not self.closed:
            self._recorder.closed(self.fileno())
        super().close()


@dataclass
class Disk:
    """What lasts after some calls, and what may not."""

    names: dict[str, int | None] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    new_names: list[Call] = field(default_factory=list)
    new_contents: dict[int, list[Call]] = field(default_factory=dict)

    def do(self, call: Call) -> None:
        """Take in one call."""
        if call.kind in ("name", "unname"):
            self.new_names.append(call)
        elif call.kind == "sync":
            for change in [c for c in self.new_names if _folder(c.path) == call.path]:
                _rename(self.names, change)
                self.new_names.remove(change)
        elif call.kind == "fsync":
            assert call.file is not None
            self.contents[call.file] = self.content(call.file, "whole")
            self.new_contents.pop(call.file, None)
        else:
            assert call.file is not None
            self.new_contents.setdefault(call.file, []).append(call)

    def content(self, number: int, how: str) -> bytes:
        """Contents of a file, if what was not synced is `how`: see `CONTENTS`."""
        lasting = self.contents.get(number, b"")
        if how == "lost":
            return lasting
        content = bytearray(lasting)
        for call in self.new_contents.get(number, []):
            if call.kind == "cut":
                del content[call.at :]
            else:
                content.extend(bytes(max(0, call.at - len(content))))
                new = bytes(len(call.content)) if how == "zeros" else call.content
                content[call.at : call.at + len(new)] = new
        if how == "half" and len(content) > len(lasting):
            del content[(len(lasting) + len(content)) // 2 :]
        return bytes(content)

    def left(self, kept: list[Call], how: dict[int, str], otherwise: str = "whole") -> State:
        """The folder after a loss of power that `kept` some of the new names."""
        names = dict(self.names)
        for change in kept:
            _rename(names, change)
        return {
            path: None if number is None else self.content(number, how.get(number, otherwise))
            for path, number in sorted(names.items())
            if all(str(above) in names for above in list(PurePosixPath(path).parents)[:-1])
        }


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _rename(names: dict[str, int | None], change: Call) -> None:
    if change.kind == "unname":
        names.pop(change.path, None)
    else:
        names.pop(change.before, None)
        names[change.path] = change.file


def states(calls: list[Call], chance: random.Random) -> Iterator[tuple[int, State]]:
    """What may be left, each state once, with the number of calls before the loss of power.

    Of the names that were not synced all are kept, or none, all but one, one only, or a random
    part; of the contents everything is lost, half, zeros or whole, or each file its own way.
    """
    disk, seen = Disk(), set()
    for done, call in enumerate([None, *calls]):
        if call is not None:
            disk.do(call)
        new = disk.new_names
        some = new if len(new) <= _MOST_NAMES else chance.sample(new, _MOST_NAMES)
        kept = [[], new, [c for c in new if chance.random() < 0.5]]
        kept += [[one] for one in some] + [[c for c in new if c is not one] for one in some]
        mixed = {number: chance.choice(CONTENTS) for number in disk.new_contents}
        hows = [(dict[int, str](), how) for how in CONTENTS] + [(mixed, "whole")]
        for names, (how, otherwise) in itertools.product(kept, hows):
            state = disk.left(names, how, otherwise)
            key = hash(tuple(state.items()))
            if key not in seen:
                seen.add(key)
                yield done, state


def put(state: State, folder: Path) -> None:
    """Make a folder what a state says."""
    folder.mkdir()
    for path, content in state.items():
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
