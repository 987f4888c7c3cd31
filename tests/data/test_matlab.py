from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from encnet.data.labels import LabelSet
from encnet.data.matlab import read_matlab_labels
from encnet.system.errors import InputError

LABELS = np.array([[0, 1, 2], [2, 1, 255]], dtype=np.uint8)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_label_matrices_of_both_data_sets_are_read(tmp_path: Path, compressed: bool, wide: bool) -> None:
    labels = LABELS.astype(np.uint16) + 400 * wide
    boundaries = np.empty((20, 1), dtype=object)
    for category in range(20):
        boundaries[category, 0] = np.eye(2)
    contents = ({"LabelMap": labels}, {"GTcls": {"Boundaries": boundaries, "Segmentation": labels}})
    for number, variables in enumerate(contents):
        path = tmp_path / f"{number}.mat"
        savemat(path, {"other": 1.5, **variables}, do_compression=compressed)
        read = read_matlab_labels(path)
        assert read.dtype == np.int32
        np.testing.assert_array_equal(read, labels)


def test_a_label_set_decodes_matlab_files(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"LabelMap": LABELS})
    labels = LabelSet.plain(["a", "b", "c"])
    np.testing.assert_array_equal(labels.load(tmp_path / "a.mat"), LABELS)
    by_color = LabelSet(("a",), ((1, 2, 3),), "color", {(1, 2, 3): 0})
    with pytest.raises(InputError, match=r"a\.mat holds values, but the classes are declared by colour"):
        by_color.load(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"labels": LABELS}, "holds neither LabelMap nor GTcls"),
        ({"GTcls": {"Boundaries": LABELS}}, "holds neither LabelMap nor GTcls"),
        ({"GTcls": LABELS}, "holds neither LabelMap nor GTcls"),
        ({"LabelMap": LABELS + 0.5}, "not a matrix of integers"),
        ({"LabelMap": LABELS.astype(np.int16) - 1}, "not a matrix of integers"),
        ({"LabelMap": np.full((2, 2), 2**16)}, "not a matrix of integers"),
        ({"LabelMap": np.zeros((2, 2, 2), dtype=np.uint8)}, "not a matrix of integers"),
        ({"LabelMap": np.zeros((0, 0), dtype=np.uint8)}, "not a matrix of integers"),
    ],
)
def test_files_without_a_label_map_are_errors(tmp_path: Path, variables: dict[str, Any], message: str) -> None:
    savemat(tmp_path / "a.mat", variables)
    with pytest.raises(InputError, match=rf"a\.mat .*{message}"):
        read_matlab_labels(tmp_path / "a.mat")


def test_damaged_and_missing_files_are_errors(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"LabelMap": LABELS}, do_compression=True)
    whole = (tmp_path / "a.mat").read_bytes()
    for content in (
        b"",
        b"PNG",
        whole[:140],
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF",
    ):
        (tmp_path / "a.mat").write_bytes(content)
        with pytest.raises(InputError, match=r"cannot read .* as a MATLAB file"):
            read_matlab_labels(tmp_path / "a.mat")
    with pytest.raises(InputError, match="there is no file"):
        read_matlab_labels(tmp_path / "b.mat")
