"""Models of other libraries: taken over into native ones, and handed back.

Files that begin with ``torch_`` load PyTorch and are imported by `from_torch` and `to_torch` alone.
"""
