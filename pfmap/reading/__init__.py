"""Reading files that a user wrote or a disk may have damaged: one guard, and what stands on it."""

from .guard import read_bytes, reading
from .shipped import shipped_rows

__all__ = ["read_bytes", "reading", "shipped_rows"]
