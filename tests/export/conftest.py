"""Networks for the tests of export, with weights that reveal mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.data.tensors import SegmentationDataset
from encnet.export import Exported, export_model
from encnet.export.parity import photograph_like
from encnet.losses.encnet_loss import EncNetLoss


@pytest.fixture(scope="session")
def network() -> Callable[..., EncNet]:
    """A function of variant and options of ``create_model`` that returns a network in eval mode, see ``varied``."""
    return varied


def varied(variant: str, **options: Any) -> EncNet:
    """A network with non-trivial batch norms and normal activations that predicts every class somewhere."""
    torch.manual_seed(0)
    model = create_model(variant, 5, **options)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
        torch.nn.init.uniform_(norm.weight, 0.5, 1.0)
        torch.nn.init.normal_(norm.bias, 0, 0.1)
    rng = np.random.default_rng(0)
    images = torch.from_numpy(np.stack([photograph_like(rng, 64, 80) for _ in range(2)])).permute(0, 3, 1, 2)
    with torch.no_grad():
        model.train()((images / 255 - 0.45) / 0.22)
        for norm in norms:
            norm.momentum = 0.1
        bias = model.head.classifier.bias
        assert bias is not None
        bias -= model.eval()((images / 255 - 0.45) / 0.22).logits.mean(dim=(0, 2, 3))
    model.info.classes = ["sky", "road", 'ä, "b" <c>', "tree", "car"]
    model.info.palette = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [250, 0, 0], [0, 250, 0]]
    return model


@pytest.fixture(scope="session")
def exported_onnx(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncNet, Exported]:
    """A small network with many parts, and its file with the label map as an output too."""
    model = varied("encnet_tiny", lateral=True, detail_channels=(8, 8), align_corners=True, presence_loss="mse")
    model.info.classes = ["sky", "road", 'ä, "b" <c>', "tree", "car"]
    return model, export_model(model, tmp_path_factory.mktemp("onnx") / "model.onnx", labels=True)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small data set."""
    return write_scenes(tmp_path_factory.mktemp("data") / "scenes", train=8, val=4, test=0, height=128, width=288)


@pytest.fixture(scope="session")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that knows sky, ground and hills of these scenes."""
    torch.manual_seed(0)
    index = read_dataset(scenes)
    model = create_model("encnet_tiny", len(index.labels.names))
    model.info.classes = list(index.labels.names)
    dataset = SegmentationDataset(index.split("train"), index.labels)
    images, labels = (torch.stack(tensors) for tensors in zip(*(dataset[i] for i in range(len(dataset))), strict=True))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (model.info.mean, model.info.std))
    pixels = (images / 255 - mean) / std
    loss, optimizer = EncNetLoss(model.num_classes), torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(40):
        chosen = slice(4 * (step % 2), 4 * (step % 2) + 4)
        optimizer.zero_grad()
        loss(model.train()(pixels[chosen]), labels[chosen].long()).total.backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    model.save(path)
    return path
