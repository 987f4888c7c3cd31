from __future__ import annotations

import numpy as np
import pytest
import torch

from encnet.data.class_indices import (
    MAX_CLASSES,
    for_numpy,
    for_torch,
    ignore_in,
    ignore_of,
    ignored_value,
    label_dtype,
)


@pytest.mark.parametrize(
    ("classes", "kind", "ignored"),
    [(1, "uint8", 255), (255, "uint8", 255), (256, "uint16", 65535), (MAX_CLASSES, "uint16", 65535)],
)
def test_label_maps_have_16_bits_for_more_than_255_classes(classes: int, kind: str, ignored: int) -> None:
    assert label_dtype(classes) == kind
    assert ignore_of(classes) == ignored
    labels = np.array([0, classes - 1, ignored]).astype(kind)
    assert labels.tolist() == [0, classes - 1, ignored]  # nothing wraps around
    assert ignore_in(labels) == ignore_in(torch.from_numpy(for_torch(labels))) == ignored


def test_tensors_of_16_bits_are_int32_and_come_back_as_they_were() -> None:
    labels = np.array([[0, 299, 65534, 65535]], np.uint16)
    tensor = torch.from_numpy(for_torch(labels))
    assert tensor.dtype == torch.int32 and tensor.tolist() == labels.tolist()
    back = for_numpy(tensor.numpy())
    assert back.dtype == np.uint16 and np.array_equal(back, labels)


def test_small_label_maps_are_not_copied() -> None:
    labels = np.array([[0, 255]], np.uint8)
    assert for_torch(labels) is labels and for_numpy(labels) is labels


@pytest.mark.parametrize(
    "labels", [np.zeros(1, np.int64), torch.zeros(1, dtype=torch.int64), np.zeros(1, np.int32) > 0]
)
def test_other_types_do_not_say_what_is_ignored(labels: np.ndarray | torch.Tensor) -> None:
    with pytest.raises(TypeError, match="label maps are uint8"):
        ignore_in(labels)


@pytest.mark.parametrize(
    ("values", "ignored"),
    [
        ({0, 1, 255}, 255),
        (set(range(256)), 255),  # 255 classes and ignored pixels, as in 8 bits
        (set(range(257)), 65535),
        ({*range(300), 65535}, 65535),
        ({0, 1, 65535}, 255),
    ],
)
def test_the_number_of_values_tells_which_one_is_ignored(values: set[int], ignored: int) -> None:
    assert ignored_value(values) == ignored
