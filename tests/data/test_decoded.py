"""Decoded samples that are kept, beside reading the files anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from encnet.data.dataset import Sample
from encnet.data.decoded import DecodedSamples
from encnet.data.labels import LabelSet
from encnet.data.tensors import SampleKey, SegmentationDataset
from encnet.data.transforms import training_transform
from encnet.system.errors import InputError

LABELS = LabelSet.plain(["land", "water"])
BYTES = 4 * 12 * 16 + 12 * 16
"""What a photograph of 12 x 16 pixels takes with its label map."""


def written(folder: Path, number: int) -> list[Sample]:
    random = np.random.default_rng(0)
    samples = []
    for index in range(number):
        image, label = folder / f"{index}.png", folder / f"{index}_label.png"
        Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).save(image)
        Image.fromarray(random.integers(0, 2, (12, 16), np.uint8)).save(label)
        samples.append(Sample(image, label))
    return samples


def test_a_kept_sample_is_transformed_as_a_sample_that_is_read_anew(tmp_path: Path) -> None:
    samples = written(tmp_path, 2)
    transform = training_transform((8, 8), (0.4, 0.5, 0.6), (0.2, 0.2, 0.2), jitter=0.3, blur=0.5)
    kept = SegmentationDataset(samples, LABELS, transform, pillow=True, kept_megabytes=1)
    anew = SegmentationDataset(samples, LABELS, transform, pillow=True)
    for epoch in range(4):  # all but the first epoch of it from memory
        for index in range(2):
            for ours, theirs in zip(kept[SampleKey(epoch, index)], anew[SampleKey(epoch, index)], strict=True):
                assert torch.equal(ours, theirs)


def test_a_kept_sample_needs_its_files_no_more(tmp_path: Path) -> None:
    samples = written(tmp_path, 1)
    kept, anew = (SegmentationDataset(samples, LABELS, kept_megabytes=megabytes) for megabytes in (1, 0))
    before = kept[0]
    assert torch.equal(anew[0][0], before[0])
    for file in tmp_path.iterdir():
        file.unlink()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(kept[0], before, strict=True))
    with pytest.raises(InputError, match=r"0\.png"):
        anew[0]


def test_a_caller_may_change_the_tensors_it_gets(tmp_path: Path) -> None:
    kept = SegmentationDataset(written(tmp_path, 1), LABELS, kept_megabytes=1)
    image, label = kept[0]
    expected = image.clone(), label.clone()
    image.zero_()
    label.fill_(1)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(kept[0], expected, strict=True))


@pytest.mark.parametrize(("bytes_", "number"), [(0, 0), (BYTES - 1, 0), (BYTES, 1), (2.9 * BYTES, 2), (9 * BYTES, 4)])
def test_no_more_samples_are_kept_than_there_is_room_for(tmp_path: Path, bytes_: float, number: int) -> None:
    dataset = SegmentationDataset(written(tmp_path, 4), LABELS, kept_megabytes=bytes_ / 1e6)
    for _ in range(2):
        for index in range(4):
            dataset[index]
    assert len(dataset.kept) == number


def test_a_quarter_of_the_free_memory_is_taken_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, label = np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10), np.uint8)
    for free, number in ((None, 9), (4 * 500 * 3, 3), (0, 0)):
        monkeypatch.setattr("encnet.data.decoded.free_memory", lambda free=free: free)
        samples = DecodedSamples(1)
        for index in range(9):
            assert samples.sample(index, lambda: (pixels, label)) == (pixels, label)
        assert len(samples) == number


def test_labels_are_masks_and_images_are_images(tmp_path: Path) -> None:
    kept = SegmentationDataset(written(tmp_path, 1), LABELS, kept_megabytes=1)
    for _ in range(2):
        image, label = kept[0]
        assert isinstance(image, tv_tensors.Image) and isinstance(label, tv_tensors.Mask)
