"""Pickles of a few bytes that ask for gigabytes are refused, and take none of them."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from encnet.system.errors import InputError
from encnet.weights.pdparams import read_pdparams


def called(module: str, name: str, arguments: bytes) -> bytes:
    """The pickle of {"x": module.name(*arguments)}."""
    return b"\x80\x02}X\x01\x00\x00\x00xc" + f"{module}\n{name}\n".encode() + arguments + b"Rs."


BILLION = struct.pack("<I", 2**31 - 1)
COPIES = b"(c_codecs\nencode\n(h\x01X\x06\x00\x00\x00latin1tR"
STATES = b"cnumpy.core.multiarray\n_reconstruct\n(tR(K\x01(K\x01tcnumpy\ndtype\n(X\x02\x00\x00\x00u1tR\x89h\x01tb"
HOSTILE: dict[str, bytes] = {
    "an object of a high number": b"\x80\x04}r" + BILLION + b".",
    "an object of a high number in text": b"}p999999999999\n.",
    "a string that is not there": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"abc",
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"abc",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
    "an array without values": called("numpy", "ndarray", b"(J" + BILLION + b"t"),
    "a scalar without values": called("numpy.core.multiarray", "scalar", b"(cnumpy\ndtype\n(X\x03\x00\x00\x00f8xtRt"),
    "a reconstructed array": called(
        "numpy.core.multiarray", "_reconstruct", b"(cnumpy\nndarray\n(J" + BILLION + b"tC\x01dt"
    ),
    "copies of a string": b"\x80\x04(X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x010" + COPIES * 5000 + b"l.",
    "copies of an array": b"\x80\x04(B" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x010(" + STATES * 5000 + b"l.",
    "an empty array of a billion rows": pickle.dumps({"x": np.zeros((10**9, 0), np.float32)}, 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded_by_the_size_of_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pdparams"
    path.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"model\.pdparams"):
            read_pdparams(path)
        assert tracemalloc.get_traced_memory()[1] < 6 * path.stat().st_size + 2**22
    finally:
        tracemalloc.stop()
