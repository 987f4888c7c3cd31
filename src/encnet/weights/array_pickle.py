"""Unpickles names and NumPy arrays: nothing that a pickle asks for is executed, and memory is bounded by its size."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from encnet.system.errors import InputError
from encnet.system.text import quoted

_COPIES = 4
"""The memory that objects of a pickle may take, as a multiple of its size."""
_SLACK = 2**20


class StoredArray:
    """An array of a pickle, made from the state with which NumPy pickles it: version, shape, type, order and bytes.

    Args:
        spend: called with the number of bytes that the array takes, before it takes them.

    Attributes:
        array: the array; None if the pickle holds no state of it.
    """

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend
        self.array: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, stored = state
        if dtype.numpy.hasobject:  # refused by its type; its objects are not needed
            self.array = np.empty(0, dtype.numpy)
            return
        stored = stored.encode("latin1") if isinstance(stored, str) else stored  # text in pickles of Python 2
        self._spend(len(stored))
        self.array = np.frombuffer(bytearray(stored), dtype.numpy).reshape(shape, order="F" if fortran else "C")


class _StoredType:
    """The type of an array: NumPy's code of it, and the order of bytes, which the state repeats."""

    def __init__(self, code: str, *_: Any) -> None:
        self.numpy: np.dtype[Any] = np.dtype(str(code))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.numpy = self.numpy.newbyteorder(state[1])


class ArrayUnpickler(pickle.Unpickler):
    """Builds arrays and containers; refuses everything else that a pickle may ask for, and names it.

    Args:
        file: the open pickle.
        path: its path, for messages.
    """

    def __init__(self, file: SizedFile, path: str | os.PathLike[str]) -> None:
        super().__init__(file, encoding="latin1")  # the encoding in which Python 2 wrote the bytes of arrays
        self._path = path
        self._left = _COPIES * file.size + _SLACK
        self._allowed: dict[tuple[str, str], Any] = {
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: StoredArray(self._spend),
            ("numpy.core.multiarray", "scalar"): self._scalar,
            ("numpy", "ndarray"): None,  # the first argument of _reconstruct
            ("numpy", "dtype"): _StoredType,
            ("collections", "OrderedDict"): self._ordered,
            ("builtins", "tuple"): self._tuple,
            ("builtins", "eval"): _variable,
            ("_codecs", "encode"): self._latin1,
        }

    def find_class(self, module_name: str, global_name: str) -> Any:
        # The module of NumPy's functions depends on its version.
        module = module_name.replace("numpy._core.", "numpy.core.").replace("__builtin__", "builtins")
        if (module, global_name) not in self._allowed:
            raise InputError(
                f"{self._path} asks for {module_name[:60]}.{global_name[:60]}, which can execute code, so it was not"
                " opened; get a file that holds arrays only, as paddle.save(model.state_dict(), path) writes it"
            )
        return self._allowed[module, global_name]

    def _spend(self, size: int) -> None:
        """Counts the bytes of objects: a pickle can name one object again and again, and each copy takes memory."""
        self._left -= size
        if self._left < 0:
            raise InputError(f"{self._path} builds far more than its size, so it was not opened; copy it again")

    def _scalar(self, dtype: _StoredType, stored: bytes | str) -> object:
        """Makes a number of NumPy; scores that are stored beside the weights are such numbers."""
        stored = stored.encode("latin1") if isinstance(stored, str) else stored
        self._spend(len(stored))
        return np.frombuffer(stored, dtype.numpy)[0]

    def _ordered(self, pairs: Any = ()) -> OrderedDict[Any, Any]:
        self._spend(100 * len(pairs))
        return OrderedDict(pairs)

    def _tuple(self, items: Any = ()) -> tuple[Any, ...]:
        self._spend(8 * len(items))
        return tuple(items)

    def _latin1(self, text: str, encoding: str) -> bytes:
        """The function that pickles of protocol 2 call to make bytes from text."""
        if encoding not in ("latin1", "latin-1"):
            raise InputError(
                f"a pickle that stores bytes as {quoted(encoding)} text was not opened; Python writes latin1"
            )
        self._spend(len(text))
        return text.encode("latin1")


class SizedFile(io.BufferedReader):
    """A file that sets no memory aside for bytes that it does not have, however many it is asked for.

    Attributes:
        size: its size in bytes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(io.FileIO(path))
        self.size: int = Path(path).stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def refuse_far_numbers(file: SizedFile, path: str | os.PathLike[str]) -> None:
    """Refuses a pickle that numbers an object higher than it has bytes: the table of numbers takes memory up to it.

    Raises:
        InputError: there is such a number.
        ValueError: the pickle is damaged.
    """
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= file.size:
            raise InputError(
                f"{path} numbers an object {argument}, which no file of {file.size} bytes needs; copy it again"
            )


def _variable(expression: str, variables: dict[str, Any]) -> Any:
    """Replaces eval("data", {"data": array}), the form in which Paddle writes tensors of static graphs."""
    if expression != "data":
        raise InputError(
            f"a pickle that evaluates {quoted(expression)} was not opened; get a file that holds arrays only"
        )
    return variables["data"]
