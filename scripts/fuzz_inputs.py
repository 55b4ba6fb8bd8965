"""Hostile inputs, every choice made by a generator that is given: files, values, command lines."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tomli_w

from pfmap.activations import NAMES

NUMBERS = (
    "", "0", "-1", "1", "2", "3", "1.5", "-0", "+1", "0x10", "1_0", "nan", "inf", "-inf", "1e400",
    "1e-400", "1e999999999", "9" * 20, "9" * 400, "9" * 5000, "1/0", "0/1", "½", "²", "٣", "1,2",
    "True", "None", "10000000000000000", "-10000000000000000", "1e15",
)  # fmt: skip
TEXTS = (
    "", " ", "\t", "\n", "a\nb", "é", "e\u0301", "\u202e", "λ", "\U0001f600", "\udcff", "a\x1b[2Jb",
    "*", "?", "[a]", "{a}", "$HOME", "~", "'", '"', "\\", "%s", "%n", "{0}", "..", ".", "/", "//",
    "/dev/zero", "/dev/null", "/proc/self/mem", "-", "--", "-x", "=", "a=b", "x" * 300, "x" * 5000,
    "../../x", ",", ",,", "1:2", ":", "1:0", "999999999999:1", "lz", "parity", "and", "constant",
    "threshold-2", "threshold-0", "threshold-" + "9" * 5000, "random:1", "random:" + "9" * 5000,
    "00", "0x00", "ff", "0" * 64, "f" * 10_000, "0110", "01" * 5000, "relu", "gaussian", "local:2",
    "local:-1", "tcp://", "s3://x/y", "default", "small",
)  # fmt: skip
WIDTHS = (
    "1", "2,1", "2,2,1", "0,1", "2,0,1", "-2,1", "2,1e3,1", "4097,1", "2,,1", "2;1", "2,2",
    "99999999999,1", "2," + "1," * 2000 + "1", "9" * 5000 + ",1", ",", "", "²,1", "2, 3 ,1",
)  # fmt: skip


def damaged(rng: random.Random, content: bytes) -> bytes:
    """`content` after one to three of the things that disks, transfers and editors do."""
    for _ in range(rng.randint(1, 3)):
        content = rng.choice(_DAMAGES)(rng, content)
    return content


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def _lose(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    return content[:start] + content[start + rng.randint(1, 64) :]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    piece = content[start : start + rng.randint(1, 64)]
    return content[:start] + piece * rng.randint(2, 4) + content[start:]


def _blank(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    size = min(rng.randint(1, 4096), len(content) - start)
    return content[:start] + bytes(size) + content[start + size :]


def _overwrite(rng: random.Random, content: bytes) -> bytes:
    start = rng.randint(0, len(content))
    noise = bytes(rng.randrange(256) for _ in range(rng.randint(1, 16)))
    return content[:start] + noise + content[start + len(noise) :]


def _digits(rng: random.Random, content: bytes) -> bytes:
    """Another number where one stands: what a flip hits too rarely."""
    places = [place for place, byte in enumerate(content) if 48 <= byte < 58]
    if not places:
        return content
    place = rng.choice(places)
    number = rng.choice(("0", "-1", "9" * 30, "9" * 5000, "1e999", "null", "[]")).encode()
    return content[:place] + number + content[place + 1 :]


def _nest(rng: random.Random, content: bytes) -> bytes:
    place = rng.randint(0, len(content))
    sign = rng.choice((b"[", b"{", b"(", b'{"a":', b"a."))
    return content[:place] + sign * rng.choice((10, 3000, 50_000)) + content[place:]


_DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _flip, _flip, _flip, _cut, _cut, _lose, _repeat, _blank, _overwrite, _digits, _nest,
)  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    """A value that a file of settings can hold, more often wrong than right."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return rng.choice(
            (0, 1, -1, 2, 3, 7, 100, 256, 1000, 10**9, 10**15, 2**63, -(2**63), 10**30)
        )
    if kind == 1:
        return rng.choice((0.0, -0.0, 0.5, 1.0, 1e-9, 1e-300, 5e-324, 1e30, 1e308, float("inf")))
    if kind == 2:
        return rng.choice((float("nan"), -1.0, -1e308, -float("inf")))
    if kind == 3:
        return rng.choice([text for text in TEXTS if text.isprintable() or text.isspace()])
    if kind == 4:
        return rng.choice((True, False))
    if kind == 5:
        return rng.choice((*NAMES, "sign", "quantised"))
    if kind == 6:
        return {rng.choice(("kind", "a", "named", "")): value(rng, depth + 1) for _ in range(2)}
    return [value(rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 3, 30)))]


def settings(rng: random.Random, base: dict[str, Any]) -> dict[str, Any]:
    """Settings of a campaign of which one to four keys hold something else, or are new."""
    tree: dict[str, Any] = json.loads(json.dumps(base))
    for _ in range(rng.randint(1, 4)):
        place = tree
        while True:
            key = rng.choice([*place, "unknown"]) if rng.random() < 0.9 else rng.choice(TEXTS[:20])
            inside = place.get(key)
            if isinstance(inside, dict) and rng.random() < 0.85:
                place = inside
                continue
            break
        if rng.random() < 0.1:
            place.pop(key, None)
        elif isinstance(inside, list) and inside and rng.random() < 0.5:
            place[key] = inside + inside if rng.random() < 0.5 else [*inside, value(rng)]
        else:
            place[key] = value(rng)
    return tree


def toml_file(rng: random.Random, base: dict[str, Any]) -> bytes:
    """A campaign file: wrong values under right keys, or a right file with damages."""
    if rng.random() < 0.65:
        try:
            return tomli_w.dumps(settings(rng, base)).encode(errors="surrogatepass")
        except (TypeError, ValueError):
            pass
    return damaged(rng, tomli_w.dumps(base).encode())


def array(rng: random.Random) -> np.ndarray:
    """An array of any kind and shape."""
    kind = rng.choice(
        ("<f8", "<f8", "<f8", ">f4", "<i8", "<u1", "?", "<c16", "<U3", "S2", "<M8[s]")
    )
    shape = rng.choice(
        ((), (0,), (1,), (2,), (4,), (8,), (9,), (21,), (2, 2), (4, 2), (8, 3), (0, 3))
    )
    size = int(np.prod(shape))
    numbers = np.array([rng.choice((0, 1, -1, 2, 0.5)) for _ in range(size)]).reshape(shape)
    with np.errstate(all="ignore"):
        held = (
            numbers.astype("<i8").astype(kind)
            if np.dtype(kind).kind in "Mu"
            else numbers.astype(kind)
        )
    if kind == "<f8" and size and rng.random() < 0.3:
        held.flat[rng.randrange(size)] = rng.choice((np.nan, np.inf, 1e200, 1e-320))
    return np.asfortranarray(held) if rng.random() < 0.2 else held


def right_npz(rng: random.Random) -> bytes:
    """Arrays that the campaign of the bench takes, sometimes with one value or one byte changed."""
    shapes = rng.choice(
        (
            {"W1": (4, 3), "b1": (4,), "W2": (1, 4), "b2": (1,)},
            {"weights": (21,)},
            {"target": (8,)},
            {"probability": (8,)},
            {"input": (3,), "label": (3,)},
        )
    )
    arrays = {name: np.full(shape, 0.5) for name, shape in shapes.items()}
    if "label" in arrays:
        arrays = {"input": np.arange(3), "label": np.array([0, 1, 1])}
    if rng.random() < 0.3:
        held = rng.choice([*arrays.values()])
        held.flat[rng.randrange(held.size)] = rng.choice((7, -1, 0))
    buffer = io.BytesIO()
    rng.choice((np.savez, np.savez_compressed))(buffer, **arrays)
    content = buffer.getvalue()
    return content if rng.random() < 0.5 else damaged(rng, content)


def npy_file(rng: random.Random) -> bytes:
    """An .npy file, whole, damaged, or with a header that lies."""
    buffer = io.BytesIO()
    if rng.random() < 0.2:
        header = {
            "descr": rng.choice(("<f8", "|O", "|S0", "<f8", "|V8", "garbage", [("a", "<f8")])),
            "fortran_order": rng.choice((False, True, 3)),
            "shape": rng.choice(((10**18,), (2**62, 8), (-1,), (0, 10**18), "x", (3,), (1,) * 70)),
        }
        text = repr(header).encode() + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(24)
    else:
        np.save(buffer, array(rng))
        content = buffer.getvalue()
    return content if rng.random() < 0.3 else damaged(rng, content)


def npz_file(rng: random.Random, names: tuple[str, ...]) -> bytes:
    """An .npz file: members of the names asked for or others, whole, damaged, or no arrays."""
    buffer = io.BytesIO()
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in dict.fromkeys(rng.choices((*names, "other", "../x", "λ"), k=rng.randint(0, 4))):
            suffix = rng.choice((".npy", ".npy", ".npy", "", ".txt"))
            archive.writestr(name + suffix, npy_file(rng) if rng.random() < 0.9 else b"text")
    content = buffer.getvalue()
    return content if rng.random() < 0.4 else damaged(rng, content)


def json_lines(rng: random.Random, content: bytes) -> bytes:
    """A journal with lines lost, moved, changed inside, or damaged as bytes."""
    if rng.random() < 0.3:
        return damaged(rng, content)
    lines = content.split(b"\n")[:-1]
    for _ in range(rng.randint(1, 3)):
        if not lines:
            break
        place = rng.randrange(len(lines))
        what = rng.randrange(5)
        if what == 0:
            del lines[place]
        elif what == 1:
            lines.insert(rng.randrange(len(lines) + 1), lines[place])
        elif what == 2:
            lines[place] = damaged(rng, lines[place])
        else:
            lines[place] = json_value(rng, lines[place])
    return b"\n".join(lines) + rng.choice((b"\n", b"\n", b""))


def json_value(rng: random.Random, content: bytes) -> bytes:
    """A JSON document with one value replaced; what is none is left as it is."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return content
    place = tree
    while isinstance(place, (dict, list)) and place:
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
        if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.7:
            place = place[key]
            continue
        if isinstance(place, dict) and rng.random() < 0.2:
            place[rng.choice(TEXTS)] = place.pop(key)
        else:
            place[key] = rng.choice((value(rng), None, "a\0b", "../../x", "\ud800", 10**40, -1))
        break
    return json.dumps(tree).encode()
