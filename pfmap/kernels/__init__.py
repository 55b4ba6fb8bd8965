"""Compiled kernels: numba only, arrays only. They import nothing else of pfmap."""
