"""A small data set, and a network with its classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encnet.checkpoint.create import create_model
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data set."""
    return write_scenes(tmp_path_factory.mktemp("data") / "scenes", train=2, val=2, test=0, height=128, width=288)


@pytest.fixture(scope="session")
def checkpoint(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the variant encnet_tiny, untrained, that predicts several classes."""
    torch.manual_seed(0)
    names = read_dataset(scenes).labels.names
    model = create_model("encnet_tiny", len(names))
    torch.nn.init.normal_(model.head.classifier.weight)
    model.info.classes, model.info.training = list(names), {"crop": [64, 96]}
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    model.save(path)
    return path
