"""A learning coefficient known exactly: λ, m, where it comes from, and whether it is proved."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pfmap.arguments import checked_integer
from pfmap.display import Displayed
from pfmap.errors import SettingsError


@dataclass(frozen=True, repr=False)
class LearningCoefficient(Displayed):
    """λ and m of a loss K: Prior{w : K(w) < t} ~ c t^λ (log 1/t)^(m-1) as t -> 0.

    Attributes
    ----------
    llc : Fraction
        λ, the learning coefficient (real log canonical threshold), >= 0. It is 0 where K vanishes
        on a set of positive prior mass.
    multiplicity : int
        m >= 1; 1 where λ = 0.
    source : str
        Where the value comes from.
    proved : bool, default True
        Whether it rests on a published proof or an elementary volume; false where it was derived
        here.

    Raises
    ------
    SettingsError
        If λ is not exact or negative, or m is below 1, or above 1 at λ = 0.

    Examples
    --------
    >>> crossing = LearningCoefficient(Fraction(1, 2), 2, "K = (w1 w2)²")
    >>> print(crossing)
    λ = 1/2, m = 2
    """

    llc: Fraction
    multiplicity: int
    source: str
    proved: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.llc, bool) or not isinstance(self.llc, (int, Fraction)) or self.llc < 0:
            raise SettingsError(
                f"llc: must be an int or a Fraction >= 0, got {self.llc!r}",
                next_step="write an exact number such as Fraction(1, 2)",
            )
        # λ = 0 is a positive limit of the mass, which a power of log 1/t would exceed.
        most = None if self.llc else 1
        number = checked_integer("multiplicity", self.multiplicity, least=1, most=most)
        object.__setattr__(self, "llc", Fraction(self.llc))
        object.__setattr__(self, "multiplicity", number)

    def __str__(self) -> str:
        return f"λ = {self.llc}, m = {self.multiplicity}"


def same_pair(one: LearningCoefficient, other: LearningCoefficient) -> bool:
    """Whether λ and m agree, wherever they come from.

    Examples
    --------
    >>> one = LearningCoefficient(Fraction(1), 2, "a formula")
    >>> same_pair(one, LearningCoefficient(Fraction(1), 2, "another"))
    True
    """
    return (one.llc, one.multiplicity) == (other.llc, other.multiplicity)
