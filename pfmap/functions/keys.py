"""Keys: names of functions, and the ways between keys, words and bits.

A function with the sign readout on m points is m bits, held in ``ceil(m / 64)`` words of type
uint64: point 0 is the most significant bit of word 0, and unused low bits of the last word are 0.
Up to 256 bits its key is the first ``ceil(m / 4)`` hexadecimal digits of the words; a Boolean
function is thereby named by its truth table in binary counting order, f(0…0) first. Beyond 256
bits, and for quantised functions, two words hold a 128-bit hash and the key is its 32 digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pfmap.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from pfmap.settings.campaign import Campaign

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_VALUES[_DIGITS] = np.arange(16)
_HASH_DIGITS = 32
_HASH_WORDS = 2


def key_length(n_points: int, exact: bool) -> int:
    """Hexadecimal digits of a key.

    Parameters
    ----------
    n_points : int
        Points of the domain, m.
    exact : bool
        Whether keys are the functions themselves (``campaign.exact_keys``) or hashes of them.

    Examples
    --------
    >>> key_length(128, True), key_length(512, False)
    (32, 32)
    """
    return -(-n_points // 4) if exact else _HASH_DIGITS


def word_count(n_points: int, exact: bool) -> int:
    """Words of a function, or of its hash.

    Examples
    --------
    >>> word_count(128, True), word_count(512, False)
    (2, 2)
    """
    return -(-n_points // 64) if exact else _HASH_WORDS


def keys_from_words(words: np.ndarray, n_points: int, exact: bool) -> np.ndarray:
    """Keys of functions given as words.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Truth tables or hashes.
    n_points : int
        Points of the domain, m.
    exact : bool
        Whether the words are the functions themselves or hashes of them.

    Returns
    -------
    ndarray of str, shape (functions,)

    Examples
    --------
    >>> words = np.array([[0x8000_0000_0000_0000], [0x6000_0000_0000_0000]], dtype=np.uint64)
    >>> keys_from_words(words, 4, True).tolist()
    ['8', '6']
    """
    digits = _digits_from_words(words, n_points, exact)
    return digits.view(f"S{digits.shape[1]}").ravel().astype(str)


def arrow_keys_from_words(words: np.ndarray, n_points: int, exact: bool) -> pa.Array:
    """Keys as an Arrow column, with no Python string in between.

    Parameters and meaning as for `keys_from_words`.

    Returns
    -------
    pyarrow.StringArray or pyarrow.ChunkedArray of shape (functions,)
        Chunked where one array could not hold the text (2 GiB).

    Examples
    --------
    >>> arrow_keys_from_words(np.array([[0xFF << 56]], dtype=np.uint64), 8, True).to_pylist()
    ['ff']
    """
    import pyarrow as pa

    length = key_length(n_points, exact)
    rows = (2**31 - 1) // length
    chunks = []
    for start in range(0, max(len(words), 1), rows):
        digits = _digits_from_words(words[start : start + rows], n_points, exact)
        offsets = np.arange(len(digits) + 1, dtype=np.int32) * np.int32(length)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(digits)]
        chunks.append(pa.Array.from_buffers(pa.string(), len(digits), buffers))
    return chunks[0] if len(chunks) == 1 else pa.chunked_array(chunks)


def words_from_keys(
    keys: Sequence[str] | np.ndarray | pa.Array | pa.ChunkedArray, n_points: int, exact: bool
) -> np.ndarray:
    """Words of functions given by key, the inverse of `keys_from_words`.

    Parameters
    ----------
    keys : sequence of str, pandas Series, or Arrow column
        Keys, lower case.
    n_points : int
        Points of the domain, m.
    exact : bool
        Whether keys are the functions themselves or hashes of them.

    Returns
    -------
    ndarray of uint64, shape (functions, words)

    Raises
    ------
    DataError
        If a key is null, has another length, holds anything but the digits 0-9 and a-f, or sets
        a bit beyond the last point.

    Examples
    --------
    >>> [hex(word) for word in words_from_keys(["80000001"], 32, True)[0]]
    ['0x8000000100000000']
    """
    length = key_length(n_points, exact)
    text = _key_bytes(keys, length).reshape(-1, length)
    values = _VALUES[text]
    wrong = (values == _NO_DIGIT).any(axis=1)
    if exact and n_points % 4:
        wrong |= (values[:, -1] & ((1 << (-n_points % 4)) - 1)) != 0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"function: a key on {n_points} points is {length} hexadecimal digits (0-9, a-f), bits "
            f"beyond the last point 0, got {text[row].tobytes().decode()!r} in row {row}",
            next_step="pfmap verify",
        )
    padded = np.zeros((len(values), 16 * word_count(n_points, exact)), dtype=np.uint8)
    padded[:, :length] = values
    packed = padded[:, 0::2] << 4 | padded[:, 1::2]
    return packed.view(">u8").astype(np.uint64)


def bits_from_words(words: np.ndarray, n_points: int) -> np.ndarray:
    """Bits of functions given as exact words.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Truth tables, never hashes.
    n_points : int
        Points of the domain, m.

    Returns
    -------
    ndarray of uint8, shape (functions, m)

    Examples
    --------
    >>> bits_from_words(np.array([[0x6 << 60]], dtype=np.uint64), 4).tolist()
    [[0, 1, 1, 0]]
    """
    packed = np.ascontiguousarray(words, dtype=">u8").view(np.uint8)
    return np.unpackbits(packed, axis=1, count=n_points)


def words_from_bits(bits: np.ndarray) -> np.ndarray:
    """Words of functions given as bits, the inverse of `bits_from_words`.

    Parameters
    ----------
    bits : ndarray of integers or bool, shape (functions, m)
        Truth tables; every nonzero value is a 1.

    Returns
    -------
    ndarray of uint64, shape (functions, ceil(m / 64))

    Examples
    --------
    >>> hex(words_from_bits(np.array([[0, 1, 1, 0]]))[0, 0])
    '0x6000000000000000'
    """
    packed = np.packbits(bits, axis=1)
    padded = np.zeros((len(packed), 8 * word_count(np.shape(bits)[1], True)), dtype=np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(">u8").astype(np.uint64)


def check_key(key: str, campaign: Campaign, *, argument: str = "function") -> str:
    """Check that `key` can name a function of `campaign`.

    Parameters
    ----------
    key : str
        A key as a user types it; upper case and a leading 0x are accepted.
    campaign : Campaign
        Its domain and readout decide what a key looks like.
    argument : str, default "function"
        Name of the argument, for the error message.

    Returns
    -------
    str
        The key as the tables spell it.

    Raises
    ------
    SettingsError
        If it cannot.

    Examples
    --------
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> campaign = Campaign(network=Network(widths=(3, 4, 1)))
    >>> check_key("0x1F", campaign)
    '1f'
    >>> check_key("1f0", campaign)
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: function: a key of this campaign is the truth table on 8 points in \
2 hexadecimal digits, got '1f0' with 3 (next: copy a key from the column function of \
functions.parquet)
    """
    n_points, exact = campaign.n_points, campaign.exact_keys
    length = key_length(n_points, exact)
    spelled = key.strip().lower().removeprefix("0x")
    values = _VALUES[np.frombuffer(spelled.encode(errors="replace"), dtype=np.uint8)]
    if len(spelled) != length:
        got = f"got {key!r} with {len(spelled)}"
    elif (values == _NO_DIGIT).any():
        foreign = next(letter for letter in spelled if letter not in "0123456789abcdef")
        got = f"got {key!r} with {foreign!r}"
    elif exact and values[-1] & ((1 << (-n_points % 4)) - 1):
        got = f"got {key!r} whose last digit sets a bit beyond the last point"
    else:
        return spelled
    what = f"the truth table on {n_points} points" if exact else "a 128-bit hash of the function"
    digits = f"{length} hexadecimal digit{'s' if length > 1 else ''}"
    raise SettingsError(
        f"{argument}: a key of this campaign is {what} in {digits}, {got}",
        next_step="copy a key from the column function of functions.parquet",
    )


def _digits_from_words(words: np.ndarray, n_points: int, exact: bool) -> np.ndarray:
    """Hexadecimal digits of keys as ASCII, uint8 of shape (functions, digits)."""
    packed = np.ascontiguousarray(words, dtype=">u8").view(np.uint8)
    digits = np.empty((len(packed), 2 * packed.shape[1]), dtype=np.uint8)
    digits[:, 0::2] = _DIGITS[packed >> 4]
    digits[:, 1::2] = _DIGITS[packed & 15]
    return np.ascontiguousarray(digits[:, : key_length(n_points, exact)])


def _key_bytes(
    keys: Sequence[str] | np.ndarray | pa.Array | pa.ChunkedArray, length: int
) -> np.ndarray:
    """All keys one after the other as ASCII, uint8 of shape (functions * length,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = keys if isinstance(keys, pa.ChunkedArray) else pa.chunked_array([pa.array(keys)])
    column = column.cast(pa.string())
    lengths = pc.binary_length(column)
    right = pc.fill_null(pc.equal(lengths, length), False)
    if not pc.all(right, min_count=0).as_py():
        row = pc.index(right, False).as_py()
        raise DataError(
            f"function: a key is {length} hexadecimal digits, got {column[row].as_py()!r} in row "
            f"{row}",
            next_step="pfmap verify",
        )
    parts = []
    for chunk in column.chunks:
        _, offsets, text = chunk.buffers()
        if len(chunk) and text is not None:
            # A slice keeps the text of the whole column: the offsets say where it begins.
            start = int(np.frombuffer(offsets, dtype=np.int32)[chunk.offset])
            parts.append(np.frombuffer(text, np.uint8, count=len(chunk) * length, offset=start))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint8)
