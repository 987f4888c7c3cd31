"""Small models whose predictions depend on the context, and images."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from encnet.checkpoint.create import build_encnet
from encnet.checkpoint.encnet import EncNet

NAMES = ["sky", "road", "car", "tree", "<b>dog</b>"]
SIZES = {"wide": (96, 64), "tall": (56, 80), "other": (80, 64)}


@lru_cache
def _built(options: str) -> EncNet:
    torch.manual_seed(0)
    small = {"backbone": "resnet10t", "backbone_options": {"channels": [16, 16, 24, 24], "stem_width": 8}}
    settings = {**small, "head_channels": 16, "num_codes": 4, "aux": False, **json.loads(options)}
    model = build_encnet(len(NAMES), **settings)
    model.info.classes = list(NAMES)
    model.info.palette = [[70, 130, 180], [128, 64, 128], [0, 0, 142], [0, 120, 0], [200, 90, 0]]
    classifier = model.head.classifier
    images = F.interpolate(3 * torch.randn(4, 3, 5, 6), (64, 80), mode="bilinear") + torch.randn(4, 3, 64, 80) / 3
    with torch.no_grad():
        if model.head.context is not None:
            model.head.context.gamma.weight.normal_(0, 0.5)
            model.head.context.semantics.norm.weight.fill_(3)
            model.head.context.semantics.encoding.codewords.uniform_(0, 2)
            model.head.context.semantics.encoding.scale.mul_(0.3)
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                norm.momentum = 0.5
        for _ in range(8):  # gives the batch norms matching statistics
            model.train()(images)
        logits = model.eval()(images, full_size=False).logits
        assert classifier.bias is not None
        scale = 4 / logits.std()  # so that every class is predicted somewhere
        classifier.weight *= scale
        classifier.bias.add_(-logits.mean(dim=(0, 2, 3))).mul_(scale)
    return model


@pytest.fixture
def build() -> Callable[..., EncNet]:
    """(options of ``build_encnet``) -> a small model with random weights that predicts several classes."""
    return lambda **options: copy.deepcopy(_built(json.dumps(options)))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wide.png, tall.png and other.png: coarse patches of colour with noise."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        patches = Image.fromarray(random.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((width, height))
        noise = random.integers(-20, 20, (height, width, 3))
        Image.fromarray((np.asarray(patches) + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder
