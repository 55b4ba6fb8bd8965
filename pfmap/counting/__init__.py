"""Counting functions in bounded memory: an exact subset chosen by hash, or the frequent ones."""

from .counts import Counts, add_counts
from .hashed import HashedSample, hash_words
from .heavy import HeavySummary

__all__ = ["Counts", "HashedSample", "HeavySummary", "add_counts", "hash_words"]
