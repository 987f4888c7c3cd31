"""The examples of docs/extending.md are complete: they run, are trained with, saved, exported and predicted with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import encnet
from encnet.data.formats import FORMATS as DATA_FORMATS
from encnet.data.formats import read_dataset
from encnet.export.formats import FORMATS as EXPORT_FORMATS
from encnet.inference.protocols.protocol import NAMED
from encnet.losses import LOSSES, build_loss
from encnet.losses.options import LossOptions
from encnet.model.backbone import Backbone
from encnet.model.backbones import FAMILIES
from encnet.model.head import Head
from encnet.model.heads import HEADS
from encnet.training.recipes import load_recipe
from encnet.training.run import train

PAGE = Path(__file__).parents[2] / "docs/extending.md"
REGISTRIES: list[dict[str, Any]] = [DATA_FORMATS, FAMILIES, HEADS, LOSSES, NAMED, EXPORT_FORMATS]
NAMES = ["beside", "pools", "slim", "focal", "small-things", "onnx-small"]


@pytest.fixture
def added() -> Iterator[None]:
    """Inside, every example of the page is in its registry."""
    before = [dict(registry) for registry in REGISTRIES]
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(REGISTRIES)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {"__name__": "example"})
    yield
    for registry, entries in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(entries)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Ten photographs beside their label maps: the lower part is brighter, and the other class."""
    folder, rng = tmp_path / "data", np.random.default_rng(0)
    folder.mkdir()
    for i in range(10):
        label = (np.arange(48)[:, None] + np.zeros((48, 64), int) > 16 + i).astype(np.uint8)
        image = 120 * label[..., None] + rng.integers(0, 99, (48, 64, 3))
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{i}.jpg")
        Image.fromarray(label).save(folder / f"{i}_areas.png")
    return folder


@pytest.mark.usefixtures("added")
def test_every_example_is_in_its_registry() -> None:
    assert [name in registry for name, registry in zip(NAMES, REGISTRIES, strict=True)] == [True] * len(NAMES)


@pytest.mark.usefixtures("added")
def test_a_run_takes_all_of_them(photographs: Path, tmp_path: Path) -> None:
    index = read_dataset(photographs, "beside")
    assert [len(index.split(split)) for split in ("train", "val")] == [8, 2]
    config = load_recipe(
        "scenes_tiny",
        model={"variant": "custom", "backbone": "pools:16", "head": "slim", "head_channels": 24, "num_codes": 4},
        data={"format": "beside", "crop": [32, 48], "batch_size": 4, "workers": 0},
        loss={"name": "focal"},
        optimizer={"warmup_steps": 0},
        steps=24,
        validate_every=12,
    )
    best = train(photographs, config, tmp_path / "run", quiet=True)
    model = encnet.load(best)
    assert model.info.options["backbone"] == "pools:16" and model.info.options["head"] == "slim"
    photograph = photographs / "4.jpg"
    segmentation = encnet.Predictor(best, "small-things")(photograph)
    truth = np.asarray(Image.open(photographs / "4_areas.png"))
    assert (segmentation.labels == truth).mean() > 0.8
    pytest.importorskip("onnxruntime")
    exported = encnet.export_model(best, tmp_path / "small.onnx", "onnx-small")
    labels = encnet.Predictor(exported.files[0])(photograph).labels
    assert (labels == encnet.Predictor(best)(photograph).labels).mean() > 0.99


@pytest.mark.usefixtures("added")
def test_they_keep_their_contracts() -> None:
    model = encnet.create_model("custom", 3, backbone="pools:8", head="slim", head_channels=16, num_codes=4)
    assert isinstance(model.backbone, Backbone) and isinstance(model.head, Head)
    stages = model.backbone(torch.zeros(1, 3, 50, 70))
    assert [stage.shape[1:] for stage in stages[1:]] == [(8, 13, 18), (16, 7, 9), (16, 7, 9), (32, 7, 9)]
    features = model.prepare(torch.zeros(1, 3, 50, 70)).features
    assert model.context_pixels(50, 70) == features.shape[2] * features.shape[3]


@pytest.mark.usefixtures("added")
def test_focal_loss_is_its_formula() -> None:
    model = encnet.create_model("encnet_tiny", 3)
    loss = build_loss(LossOptions(name="focal", se_weight=0, aux_weight=0), model)
    logits, labels = torch.randn(2, 3, 8, 8), torch.randint(0, 3, (2, 8, 8))
    labels[0, :3] = 255
    p = torch.softmax(logits, dim=1).gather(1, labels.clamp(max=2)[:, None])[:, 0][labels != 255]
    found = loss(encnet.EncNetOutput(logits), labels).total
    torch.testing.assert_close(found, ((1 - p) ** 2 * -p.log()).mean(), rtol=1e-4, atol=1e-6)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    for options, message in (
        ({"head": "unet"}, "head is 'unet'; it must be one of enc, fullres"),
        ({"backbone": "dinov3:small"}, "one of the families timm"),
    ):
        with pytest.raises(encnet.InputError, match=message):
            encnet.create_model("custom", 3, **options)
    with pytest.raises(encnet.InputError, match=r"loss\.name is 'dice'; it must be one of encnet"):
        build_loss(LossOptions(name="dice"), encnet.create_model("encnet_tiny", 3))
