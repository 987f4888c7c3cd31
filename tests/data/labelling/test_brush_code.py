"""Label Studio's code of brush masks, written by its own encoder and by one that follows the description."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from encnet.data.labelling.brush_code import decode_brush, decode_words

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/label_studio"


SIZES = (3, 4, 8, 16)


def encode(chunks: list[list[int]], length_bits: tuple[int, ...] = SIZES, word_bits: int = 8) -> list[int]:
    """The bytes of a code with these chunks of words, written as text of 0 and 1; equal words are one repeated word."""
    number = sum(len(chunk) for chunk in chunks)
    text = f"{number:032b}{word_bits - 1:05b}" + "".join(f"{bits - 1:04b}" for bits in length_bits)
    for chunk in chunks:
        size = next(i for i, bits in enumerate(length_bits) if len(chunk) <= 2**bits)
        repeated = len(set(chunk)) == 1
        text += f"{repeated:b}{size:02b}{len(chunk) - 1:0{length_bits[size]}b}"
        text += "".join(f"{word:0{word_bits}b}" for word in (chunk[:1] if repeated else chunk))
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


def test_the_mask_equals_the_one_that_label_studio_encoded() -> None:
    mask = np.asarray(Image.open(WRITTEN / "brush.png"))
    code = json.loads((WRITTEN / "brush.json").read_text())
    assert 100 < mask.astype(bool).sum() < mask.size / 2
    assert np.array_equal(decode_brush(code, *mask.shape), mask > 0)


words = st.integers(0, 255)
runs = st.tuples(words, st.integers(1, 700)).map(lambda run: [run[0]] * run[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(runs, st.lists(words, min_size=1, max_size=40)), max_size=8))
def test_words_are_decoded_from_repeated_and_single_words(chunks: list[list[int]]) -> None:
    expected = [word for chunk in chunks for word in chunk]
    assert decode_words(encode(chunks), len(expected)).tolist() == expected


@pytest.mark.parametrize("length_bits", [(3, 4, 8, 16), (1, 2, 3, 12), (16, 16, 16, 16)])
def test_the_head_says_the_sizes_of_lengths(length_bits: tuple[int, int, int, int]) -> None:
    chunks = [[7] * 3000, [1, 2, 3], [9], [0] * 5]
    expected = [word for chunk in chunks for word in chunk]
    assert decode_words(encode(chunks, length_bits), len(expected)).tolist() == expected
    small = [[word % 16 for word in chunk] for chunk in chunks]
    assert decode_words(encode(small, length_bits, 4), len(expected)).tolist() == [word % 16 for word in expected]


def test_alpha_is_the_mask() -> None:
    words = [9, 9, 9, 127, 0, 0, 0, 128, 255, 255, 255, 0, 1, 2, 3, 255]
    assert decode_brush(encode([words]), 2, 2).tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ([], "not the code of 16 words"),
        (encode([[0] * 12]), "not the code of 16 words"),
        (encode([[0] * 16])[:-1], "ends too early"),
        ([256] * 30, "numbers that are no bytes"),
        ([-1] * 30, "numbers that are no bytes"),
        (["a"] * 30, "numbers that are no bytes"),
        (encode([[0] * 16], word_bits=12), "words have 12 bits"),
        # the head says 16 words, and the first chunk has 17
        ([*encode([[0] * 16])[:4], *encode([[0] * 17])[4:]], "more than its number of words"),
    ],
)
def test_damaged_codes_are_errors(code: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_brush(code, 2, 2)
