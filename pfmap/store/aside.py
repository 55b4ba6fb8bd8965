"""Files that somebody has changed are renamed, never written over."""

from __future__ import annotations

from pathlib import Path

from .atomic import disk_faults, file_digest


def set_aside(path: Path, sha256: str) -> Path | None:
    """Rename a file whose SHA-256 is not `sha256`; where it is now, None if nothing was done.

    An absent or empty file is left alone.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "summary.md"
    >>> _ = path.write_text("my own words")
    >>> set_aside(path, "ab" * 32).name
    'summary.changed.md'
    """
    if not path.is_file() or path.stat().st_size == 0 or file_digest(path) == sha256:
        return None
    other, number = path.with_name(f"{path.stem}.changed{path.suffix}"), 1
    while other.exists():
        number += 1
        other = path.with_name(f"{path.stem}.changed-{number}{path.suffix}")
    with disk_faults(other):
        path.rename(other)
    return other
