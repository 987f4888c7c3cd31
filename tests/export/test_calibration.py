"""Calibration images from folders and data sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.scenes import write_scenes
from encnet.export.calibration import find_calibration, read_calibration_image
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for number in range(10):
        Image.new("RGB", (20 + number, 10), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no photograph")
    return tmp_path


def test_images_of_a_folder_are_spread_evenly(photographs: Path) -> None:
    found = find_calibration(photographs, 4)
    assert [path.name for path in found.images] == ["0.png", "3.png", "6.png", "9.png"]
    assert found.dataset is None
    assert len(find_calibration(photographs, 100).images) == 10
    assert [path.name for path in find_calibration(f"{photographs}/[12].png", 9).images] == ["1.png", "2.png"]


def test_a_data_set_gives_training_images_and_a_labelled_split(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "scenes", train=3, val=2, test=0, height=128, width=288)
    found = find_calibration(scenes, 2)
    assert [path_of(path).parent.name for path in found.images] == ["train", "train"]
    assert found.labelled is not None and len(found.labelled.split("val")) == 2
    shutil.rmtree(scenes / "images/val")
    shutil.rmtree(scenes / "labels/val")
    (scenes / "dataset.yaml").unlink()
    found = find_calibration(scenes, 2)
    assert found.labelled is None and found.dataset is not None and list(found.dataset.splits) == ["train"]


def test_missing_images_are_an_error(photographs: Path) -> None:
    with pytest.raises(InputError, match="calibration_images is 0; it must be at least 1"):
        find_calibration(photographs, 0)
    with pytest.raises(InputError, match="nowhere"):
        find_calibration(photographs / "nowhere", 3)
    (photographs / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        find_calibration(photographs / "empty", 3)


def test_images_are_resized_for_the_model(photographs: Path) -> None:
    info = ModelInfo("encnet_tiny", {}, mean=[0.5] * 3, std=[0.2] * 3)
    assert read_calibration_image(photographs / "5.png", info).shape == (1, 10, 25, 3)
    info.long_side = 50
    assert read_calibration_image(photographs / "5.png", info).shape == (1, 20, 50, 3)
    image = read_calibration_image(photographs / "5.png", info, (32, 48))
    assert image.shape == (1, 32, 48, 3)
    assert image.dtype == np.uint8 and (image[..., 0] == 5).all()
