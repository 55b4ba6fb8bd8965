"""Linear algebra in fractions: what floating point suggests is proved here."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def exact_rank(rows: Sequence[Sequence[int | Fraction]]) -> int:
    """Rank of a matrix of rational numbers.

    Parameters
    ----------
    rows : sequence of sequences of int or Fraction
        May be empty.

    Returns
    -------
    int

    Examples
    --------
    >>> exact_rank([[1, 2], [2, 4], [3, 6]])
    1
    """
    return len(reduced_rows([[Fraction(value) for value in row] for row in rows])[1])


def null_vector(rows: Sequence[Sequence[int | Fraction]], n_unknowns: int) -> list[Fraction] | None:
    """The solution of A x = 0, up to a factor; None unless there is exactly one.

    Examples
    --------
    >>> [str(value) for value in null_vector([[2, -4]], 2)]
    ['2', '1']
    """
    reduced, pivots = reduced_rows([[Fraction(value) for value in row] for row in rows])
    free = [index for index in range(n_unknowns) if index not in pivots]
    if len(free) != 1:
        return None
    solution = [Fraction(0)] * n_unknowns
    solution[free[0]] = Fraction(1)
    for row, pivot in zip(reduced, pivots, strict=False):
        solution[pivot] = -row[free[0]]
    return solution


def solution_near(
    rows: Sequence[Sequence[int | Fraction]], right: Sequence[int], near: Sequence[float]
) -> list[Fraction] | None:
    """An exact solution of A x = b close to an approximate one.

    Unknowns that the equations leave free take the value of `near` as it stands (a floating-point
    number is a fraction); the others follow exactly.

    Parameters
    ----------
    rows : sequence of sequences of int or Fraction, shape (equations, unknowns)
        A.
    right : sequence of int
        b.
    near : sequence of float
        The approximate solution.

    Returns
    -------
    list of Fraction or None
        None if the equations contradict each other.

    Examples
    --------
    >>> solution_near([[3, 0]], [1], [0.33, 0.5])
    [Fraction(1, 3), Fraction(1, 2)]
    """
    n_unknowns = len(near)
    augmented = [
        [*(Fraction(value) for value in row), Fraction(value)]
        for row, value in zip(rows, right, strict=True)
    ]
    reduced, pivots = reduced_rows(augmented)
    if n_unknowns in pivots:
        return None
    solution = [Fraction(float(value)) for value in near]
    free = [index for index in range(n_unknowns) if index not in pivots]
    for row, pivot in zip(reduced, pivots, strict=False):
        solution[pivot] = row[-1] - sum(
            (row[index] * solution[index] for index in free if row[index]), Fraction(0)
        )
    return solution


def reduced_rows(matrix: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Reduced row echelon form, in place, and the columns of its pivots.

    Examples
    --------
    >>> rows, pivots = reduced_rows([[Fraction(2), Fraction(4)], [Fraction(1), Fraction(2)]])
    >>> [[str(value) for value in row] for row in rows], pivots
    ([['1', '2'], ['0', '0']], [0])
    """
    pivots: list[int] = []
    n_columns = len(matrix[0]) if matrix else 0
    for column in range(n_columns):
        top = len(pivots)
        found = next((row for row in range(top, len(matrix)) if matrix[row][column]), None)
        if found is None:
            continue
        matrix[top], matrix[found] = matrix[found], matrix[top]
        scale = matrix[top][column]
        matrix[top] = [value / scale if value else value for value in matrix[top]]
        for index, row in enumerate(matrix):
            factor = row[column]
            if index != top and factor:
                matrix[index] = [
                    value - factor * above if above else value
                    for value, above in zip(row, matrix[top], strict=True)
                ]
        pivots.append(column)
    return matrix, pivots
