"""Output among the photographs or label maps of a data set is refused, and output elsewhere in its folder is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.accounting import account_for
from encnet.data.formats import read_dataset
from encnet.data.output_place import require_outside
from encnet.system.errors import InputError
from encnet.system.files import replacing


def write_pair(photograph: Path, label: Path) -> None:
    for path in (photograph, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(photograph)
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(label)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A data set of folders of photographs and of label maps."""
    for split in ("train", "val"):
        write_pair(tmp_path / f"garden/images/{split}/a.png", tmp_path / f"garden/labels/{split}/a.png")
    return tmp_path / "garden"


@pytest.mark.parametrize("out", ["images/val", "images/val/run", "images/run", "images", "labels/train/run"])
def test_output_that_would_be_read_as_a_part_is_refused(folders: Path, out: str) -> None:
    with pytest.raises(InputError, match=f"{out} lies among the photographs or label maps of .*garden") as error:
        require_outside(read_dataset(folders), folders / out)
    assert error.value.argument == "out"


def test_output_under_another_name_of_a_folder_is_refused_too(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folders / "images", target_is_directory=True)
    with pytest.raises(InputError, match="link/run lies among"):
        require_outside(read_dataset(folders), tmp_path / "link/run")


@pytest.mark.parametrize("out", ["", "runs/train", "predictions", "../runs"])
def test_output_elsewhere_is_not_refused(folders: Path, out: str) -> None:
    require_outside(read_dataset(folders), folders / out)


def test_output_beside_photographs_in_the_folder_itself(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.png", tmp_path / "a_mask.png")
    index = read_dataset(tmp_path)
    require_outside(index, tmp_path / "runs/train")
    with pytest.raises(InputError, match="lies among"):
        require_outside(index, tmp_path)


def test_what_encnet_wrote_into_the_folder_is_not_missed(folders: Path) -> None:
    with replacing(folders / "runs/train/batches.png") as file:
        Image.new("RGB", (8, 8)).save(file, "png")
    ledger = account_for(read_dataset(folders))
    assert ledger.complete
    assert ledger.lines() == [
        "files: 5 found; used: 2 photographs, 2 label maps",
        "left out: 1 file (runs/train/batches.png): encnet wrote it",
    ]
    Image.new("RGB", (8, 8)).save(folders / "runs/train/batches.png")  # changed since, so it is the user's
    assert not account_for(read_dataset(folders)).complete
