"""One line of the verification table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: `statistic` must be at most `limit` (or above it for a control)."""

    check: str
    statistic: float
    limit: float
    control: bool
    detail: str

    @property
    def verdict(self) -> str:
        """pass | fail."""
        holds = self.statistic <= self.limit
        return "pass" if holds != self.control else "fail"
