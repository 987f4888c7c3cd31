"""A mask for each class, through the command line: the same network as from label maps with the same classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.loading import load
from encnet.cli import main

CLASSES = ("ground", "square", "disc")


def write(root: Path, masks: bool) -> Path:
    """Photographs of squares and discs, of which some lie over squares, as masks or as label maps."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :56]
    for split, number in (("train", 4), ("val", 2)):
        for i in range(number):
            top, left, y, x = rng.integers(4, 24, 4)
            square = (rows >= top) & (rows < top + 14) & (columns >= left) & (columns < left + 14)
            disc = (rows - y) ** 2 + (columns - x) ** 2 < 60
            label = np.zeros((40, 56), np.uint8)
            for y_, x_ in np.argwhere(square | disc):
                label[y_, x_] = 2 if disc[y_, x_] else 1
            image = rng.integers(0, 60, (40, 56, 3)) + np.eye(3, dtype=int)[label] * 150
            files = {f"images/{split}/{i}.png": image.astype(np.uint8)}
            if masks:
                files |= {
                    f"masks/{split}/{i}_square.png": square * np.uint8(255),
                    f"masks/{split}/{i}_disc.png": disc * 1,
                }
            else:
                files[f"labels/{split}/{i}.png"] = label
            for file, array in files.items():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array.astype(np.uint8)).save(root / file)
    labels, folder = (
        ("mask_per_class\noutside: ground", "masks/{}/{{name}}_{{class}}.png") if masks else ("value", "labels/{}")
    )
    (root / "dataset.yaml").write_text(
        f"labels: {labels}\nclasses: [{', '.join(f'{{name: {name}}}' for name in CLASSES)}]\nsplits:\n"
        + "".join(f"  {s}:\n    images: images/{s}\n    labels: {folder.format(s)}\n" for s in ("train", "val"))
    )
    return root


def train_and_evaluate(folder: Path, masks: bool) -> tuple[EncNet, dict[str, Any]]:
    """The network after three steps, and its scores."""
    words = (
        "--model.variant encnet_tiny --model.output_stride 16 --model.num_codes 4 --model.head_channels 16"
        " --data.batch_size 2 --data.workers 0 --data.crop [32,32] --steps 3 --accelerator cpu --precision fp32"
    )
    data, run, out = write(folder / "data", masks), folder / "run", folder / "scores"
    assert main(["train", str(data), "--out", str(run), *words.split()]) == 0
    assert main(["evaluate", str(run / "best.safetensors"), str(data), "--out", str(out), "--device", "cpu"]) == 0
    assert (run / "check.html").is_file() and (run / "batches.png").is_file()
    return load(run / "best.safetensors"), json.loads((out / "evaluation.json").read_text())["scores"]


@pytest.fixture(scope="module")
def from_masks(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncNet, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("masks")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return train_and_evaluate(folder, masks=True)


def test_masks_train_a_network_and_are_the_truth_of_its_scores(
    from_masks: tuple[EncNet, dict[str, Any]], tmp_path: Path
) -> None:
    model, scores = from_masks
    assert tuple(model.info.classes) == CLASSES
    write(tmp_path, masks=False)
    truth = [np.asarray(Image.open(path)) for path in sorted(tmp_path.glob("labels/val/*.png"))]
    pixels = [sum(int((label == c).sum()) for label in truth) for c in range(3)]
    assert [sum(row) for row in scores["confusion"]] == pixels and all(pixels)


@pytest.mark.slow
def test_label_maps_with_the_same_classes_train_the_same_network(
    from_masks: tuple[EncNet, dict[str, Any]], tmp_path: Path
) -> None:
    model, scores = train_and_evaluate(tmp_path, masks=False)
    assert scores == from_masks[1]
    for one, other in zip(model.state_dict().values(), from_masks[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)
