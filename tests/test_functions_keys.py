"""Keys, words and bits: exact correspondence, refusals, speed of no Python loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pfmap.errors import DataError, SettingsError
from pfmap.functions import (
    arrow_keys_from_words,
    bits_from_words,
    check_key,
    keys_from_words,
    words_from_bits,
    words_from_keys,
)
from pfmap.functions.keys import key_length
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

SIZES = (1, 2, 3, 4, 5, 8, 32, 50, 63, 64, 65, 100, 128, 200, 255, 256)


def naive_key(bits: np.ndarray) -> str:
    """Hexadecimal of the bits, point 0 most significant, padded with zeros at the end."""
    text = "".join(map(str, bits))
    text += "0" * (-len(text) % 4)
    return "".join(format(int(text[i : i + 4], 2), "x") for i in range(0, len(text), 4))


@pytest.mark.parametrize("n_points", SIZES)
def test_keys_words_and_bits_correspond_exactly(n_points: int) -> None:
    bits = np.random.default_rng(n_points).integers(0, 2, (50, n_points), dtype=np.uint8)
    bits[0], bits[1] = 0, 1
    words = words_from_bits(bits)
    assert words.shape == (50, -(-n_points // 64))
    assert words.dtype == np.uint64
    assert (bits_from_words(words, n_points) == bits).all()
    keys = keys_from_words(words, n_points, True)
    assert keys.tolist() == [naive_key(row) for row in bits]
    assert arrow_keys_from_words(words, n_points, True).to_pylist() == keys.tolist()
    assert (words_from_keys(keys, n_points, True) == words).all()


def test_the_first_point_is_the_most_significant_bit_of_the_first_word() -> None:
    bits = np.zeros((1, 128), dtype=np.uint8)
    bits[0, 0] = bits[0, 127] = 1
    words = words_from_bits(bits)
    assert words.tolist() == [[1 << 63, 1]]
    assert keys_from_words(words, 128, True).tolist() == ["8" + "0" * 30 + "1"]


def test_hashed_keys_hold_both_words_whatever_the_points() -> None:
    words = np.array([[0x0123456789ABCDEF, 0xFEDCBA9876543210]], dtype=np.uint64)
    keys = keys_from_words(words, 1024, False)
    assert keys.tolist() == ["0123456789abcdeffedcba9876543210"]
    assert (words_from_keys(keys, 1024, False) == words).all()
    assert key_length(20, False) == 32


def test_keys_are_read_from_every_kind_of_column() -> None:
    keys = ["00ff", "8001", "1234", "ffff"]
    expected = words_from_keys(keys, 16, True)
    parts = pa.chunked_array([["00ff"], [], ["8001", "1234", "ffff"]], type=pa.string())
    sliced = pa.array(["0000", *keys, "0000"])[1:5]
    # Pandas hands over its slices with offsets that do not start at 0.
    series = pd.Series(["0000", *keys, "0000"])[1:5]
    for column in (
        np.array(keys),
        pd.Series(keys),
        pa.array(keys),
        parts,
        sliced,
        series,
        pa.Table.from_pandas(series.to_frame("key"))["key"],
        pa.array(keys, pa.large_string()),
    ):
        assert (words_from_keys(column, 16, True) == expected).all()
    assert words_from_keys([], 16, True).shape == (0, 1)
    assert len(arrow_keys_from_words(np.empty((0, 1), dtype=np.uint64), 16, True)) == 0


@pytest.mark.parametrize("key", ["fff", "fffff", "FFFF", "00fg", "0x00", "00é"])
def test_a_foreign_key_is_refused_with_its_row(key: str) -> None:
    with pytest.raises(DataError, match="row 1"):
        words_from_keys(["0000", key], 16, True)


def test_a_foreign_key_is_named_by_its_row_whatever_the_index_of_its_column() -> None:
    for index in ([5, 9], [1, 0], ["a", "b"]):
        with pytest.raises(DataError, match="got '00fg' in row 1"):
            words_from_keys(pd.Series(["0000", "00fg"], index=index), 16, True)


def test_a_null_key_is_refused() -> None:
    with pytest.raises(DataError, match="row 2"):
        words_from_keys(pa.array(["0000", "1111", None]), 16, True)


def test_a_bit_beyond_the_last_point_is_refused() -> None:
    assert words_from_keys(["fc"], 6, True).tolist() == [[0xFC << 56]]
    with pytest.raises(DataError, match="beyond the last point 0, got 'fe' in row 0"):
        words_from_keys(["fe"], 6, True)


def test_check_key_spells_and_explains() -> None:
    campaign = Campaign()
    key = "0123456789abcdef" * 2
    assert check_key("0X" + key.upper() + " ", campaign) == key
    with pytest.raises(SettingsError, match="llc.named: .* 128 points in 32 .* with 31"):
        check_key(key[1:], campaign, argument="llc.named")
    with pytest.raises(SettingsError, match="with 'g'"):
        check_key("g" + key[1:], campaign)
    with pytest.raises(SettingsError, match="with ''|with 0"):
        check_key("", campaign)
    labels = campaign_from_mapping(
        {"network": {"widths": [64, 2, 1]}, "domain": {"kind": "digits", "images": 6}}
    )
    assert check_key("fc", labels) == "fc"
    with pytest.raises(SettingsError, match="beyond the last point"):
        check_key("ff", labels)
    hashed = campaign_from_mapping({"network": {"widths": [10, 2, 1]}})
    assert check_key(key, hashed) == key
    with pytest.raises(SettingsError, match="128-bit hash"):
        check_key(key + "0", hashed)
