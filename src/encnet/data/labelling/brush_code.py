"""Label Studio's run-length code of brush masks, which is that of the library rle-pack.

The code is a stream of bits. Its head is 32 bits with the number of words, 5 bits with the bits of a word less one, and
4 times 4 bits with the bits of the four sizes of a length less one. Then follow chunks: 1 bit, whether one word is
repeated; 2 bits, which of the four sizes the length has; the length less one; and the repeated word, or as many words
as the length says. https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHANNELS = 4
"""Words per pixel: red, green, blue and alpha, of which alpha is the mask."""
HALF = 128
"""Alpha from which a pixel is inside."""
_HEAD_BITS = 32 + 5 + 4 * 4


def decode_brush(code: Sequence[int], height: int, width: int) -> np.ndarray:
    """The mask of a brush.

    Args:
        code: the bytes of the code, 0-255.
        height, width: size of the photograph in pixels.

    Returns:
        (height, width) bool, true inside.

    Raises:
        ValueError: the code has another number of pixels, ends too early or has numbers that are no bytes.
    """
    words = decode_words(code, height * width * CHANNELS)
    return words.reshape(height, width, CHANNELS)[..., -1] >= HALF


def decode_words(code: Sequence[int], number: int) -> np.ndarray:
    """(number,) uint8: the words of a code; raises ValueError if it has another number of words or is damaged."""
    try:
        numbers = np.asarray(code, np.int64)
    except (OverflowError, TypeError, ValueError):
        numbers = np.array([-1])
    if numbers.ndim != 1 or ((numbers < 0) | (numbers > 255)).any():
        raise ValueError("it has numbers that are no bytes")
    bits = _Bits(np.unpackbits(numbers.astype(np.uint8)))
    if len(bits.all) < _HEAD_BITS or bits.number(32) != number:
        raise ValueError(f"it is not the code of {number} words")
    word_bits = bits.number(5) + 1
    length_bits = [bits.number(4) + 1 for _ in range(4)]
    if word_bits > 8:
        raise ValueError(f"its words have {word_bits} bits, not 8")
    words = np.empty(number, np.uint8)
    done = 0
    while done < number:
        repeated = bits.number(1)
        length = bits.number(length_bits[bits.number(2)]) + 1
        if done + length > number:
            raise ValueError("its lengths add up to more than its number of words")
        words[done : done + length] = bits.number(word_bits) if repeated else bits.numbers(length, word_bits)
        done += length
    return words


class _Bits:
    """A stream of bits, most significant first."""

    def __init__(self, bits: np.ndarray) -> None:
        self.all = bits
        self._position = 0

    def number(self, bits: int) -> int:
        """The number in the next bits."""
        value = 0
        for bit in self._next(bits).tolist():
            value = value << 1 | bit
        return value

    def numbers(self, number: int, bits: int) -> np.ndarray:
        """(number,) int: numbers of so many bits each."""
        return self._next(number * bits).reshape(number, bits) @ (1 << np.arange(bits)[::-1])

    def _next(self, bits: int) -> np.ndarray:
        part = self.all[self._position : self._position + bits]
        if len(part) < bits:
            raise ValueError("it ends too early")
        self._position += bits
        return part
