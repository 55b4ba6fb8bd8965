"""The linear algebra library on one thread, as long as results must not depend on its threads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache


def one_blas_thread() -> AbstractContextManager[object]:
    """Limit every BLAS to one thread inside the block.

    Sums made by several threads differ in the last bits, and small matrices are slower that way.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_blas_thread():
    ...     {library["num_threads"] for library in threadpool_info() if "blas" in library["prefix"]}
    {1}
    """
    import scipy.linalg  # noqa: F401  SciPy brings a BLAS of its own: a limit set before misses it
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)


@cache
def keep_one_blas_thread() -> None:
    """Limit every BLAS to one thread for good, where several threads of a process compute.

    The limit is the process's: a block that ends would lift it for the others.
    """
    one_blas_thread()
