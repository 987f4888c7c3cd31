"""Sound files that the cases of several kinds are made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet

IMAGE = "image.png"


def small_model() -> EncNet:
    """An untrained network of three classes with few channels."""
    torch.manual_seed(0)
    small = {"channels": [8, 8, 16, 16], "stem_width": 8}
    model = create_model("encnet_tiny", 3, backbone_options=small, head_channels=16, num_codes=4, aux_channels=8)
    model.info.classes = ["road", "tree", "sky"]
    model.info.palette = [[1, 2, 3], [90, 180, 60], [0, 0, 255]]
    model.info.long_side = 64
    model.info.training = {"dataset": "garden", "crop": [32, 32], "base_size": None, "base_side": "long", "epoch": 7}
    model.info.source = {"bands": [1, 2, 3]}
    return model.eval()


def write_image(path: Path, height: int = 32, width: int = 40) -> None:
    """Writes a photograph of random colours."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
