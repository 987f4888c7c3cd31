"""Reading Paddle's pickles: every form that Paddle writes is read, and nothing is executed."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encnet.system.errors import InputError
from encnet.weights.pdparams import read_pdparams

ARRAYS = {
    "linear.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "norm._mean": np.linspace(-1, 1, 5, dtype=np.float64),
    "norm.count": np.array(3, np.int64),
}


class Calls:
    """An object that is pickled as a call of ``function``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def read(tmp_path: Path, content: object, protocol: int = 4) -> dict[str, torch.Tensor]:
    """Pickles the content to a file and reads it."""
    (tmp_path / "model.pdparams").write_bytes(pickle.dumps(content, protocol))
    return read_pdparams(tmp_path / "model.pdparams")


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    "content",
    [
        {**ARRAYS, "StructuredToParameterName@@": {"linear.weight": "linear_0.w_0"}},
        OrderedDict(ARRAYS),
        {"model": {name: Calls(tuple, (f"{name}_0", array)) for name, array in ARRAYS.items()}, "epoch": 3},
        {"state_dict": {name: Calls(eval, "data", {"data": array}) for name, array in ARRAYS.items()}, "scores": [0.5]},
    ],
    ids=["state dict", "ordered", "beside others", "beside others, of a static graph"],
)
def test_every_form_gives_the_same_tensors(tmp_path: Path, content: object, protocol: int) -> None:
    tensors = read(tmp_path, content, protocol)
    assert tensors.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert tensors[name].numpy().dtype == array.dtype
        np.testing.assert_array_equal(tensors[name].numpy(), array)


def test_arrays_in_fortran_order_are_read(tmp_path: Path) -> None:
    array = np.asfortranarray(ARRAYS["linear.weight"])
    np.testing.assert_array_equal(read(tmp_path, {"x": array})["x"].numpy(), array)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (lambda path: Calls(os.mkdir, path), "mkdir"),
        (lambda path: Calls(eval, f"__import__('os').mkdir({path!r})", {}), "evaluates"),
        (lambda path: Calls(exec, f"import os; os.mkdir({path!r})"), "exec"),
        (lambda path: Calls(np.save, path, ARRAYS["norm.count"]), "save"),
        (lambda path: Calls(getattr, np.ndarray(2), "tofile"), "getattr"),
        (lambda path: Calls(np.ndarray.tofile, np.zeros(2), path), "getattr|tofile"),
    ],
    ids=["function", "eval", "exec", "numpy", "getattr", "method"],
)
def test_a_pickle_with_code_is_refused_and_not_executed(tmp_path: Path, payload: Any, name: str, protocol: int) -> None:
    target = tmp_path / "made"
    with pytest.raises(InputError, match=name) as error:
        read(tmp_path, {"x": np.zeros(1), "y": payload(str(target))}, protocol)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("made*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([np.zeros(1)], "holds a list"),
        ({"model": ARRAYS["norm.count"], **ARRAYS, "x": {}}, "holds a dict under 'x'"),
        ({"x": np.array(["a"])}, "holds an array of <U1 under 'x'"),
        ({"x": np.array([None])}, "holds an array of object under 'x'"),
        ({"x": np.float32(1)}, "holds a float32 under 'x'"),
    ],
)
def test_other_content_is_named_in_the_error(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_damaged_and_missing_files_are_errors(tmp_path: Path) -> None:
    whole = pickle.dumps(ARRAYS, 4)
    for content in (b"", b"nothing of the kind", whole[:-20], whole[: len(whole) // 2]):
        (tmp_path / "model.pdparams").write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read as a \.pdparams file"):
            read_pdparams(tmp_path / "model.pdparams")
    with pytest.raises(InputError, match="there is no file"):
        read_pdparams(tmp_path / "missing.pdparams")
