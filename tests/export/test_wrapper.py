"""The exported module in PyTorch against the model with separate pre- and postprocessing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.export.parity import photograph_like
from encnet.export.wrapper import ExportWrapper


@pytest.mark.parametrize("presence_loss", ["bce", "mse"])
def test_the_module_normalises_and_returns_probabilities(network: Callable[..., EncNet], presence_loss: str) -> None:
    model = network("encnet_tiny", presence_loss=presence_loss, align_corners=presence_loss == "mse")
    model.info.mean, model.info.std = [0.1, 0.5, 0.7], [0.2, 0.3, 0.1]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rng = np.random.default_rng(1)
    images = np.stack([photograph_like(rng, 53, 70) for _ in range(2)])
    with torch.no_grad():
        outputs = ExportWrapper(model.train(), labels=True)(torch.from_numpy(images))
        pixels = (images / 255.0 - np.array(model.info.mean)) / np.array(model.info.std)
        expected = model.double().eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert expected.presence is not None
    presence = expected.presence.sigmoid() if presence_loss == "bce" else expected.presence.clamp(0, 1)
    torch.testing.assert_close(outputs["presence"].double(), presence, rtol=0, atol=1e-4)
    assert outputs["logits"].shape == (2, 5, 7, 9)
    full = F.interpolate(outputs["logits"], size=(53, 70), mode="bilinear", align_corners=model.align_corners)
    torch.testing.assert_close(full.double(), expected.logits, rtol=0, atol=1e-4)
    assert outputs["labels"].dtype == torch.uint8
    assert (outputs["labels"] == expected.logits.argmax(dim=1)).double().mean() > 0.999
    for name, tensor in model.float().state_dict().items():  # the model itself does not change
        assert torch.equal(tensor, before[name])


def test_a_model_without_presence_exports_no_presence(network: Callable[..., EncNet]) -> None:
    outputs = ExportWrapper(network("encnet_tiny", se=False))(torch.zeros(1, 40, 40, 3, dtype=torch.uint8))
    assert set(outputs) == {"logits"}


@pytest.mark.parametrize(("classes", "kind"), [(255, torch.uint8), (256, torch.int32), (300, torch.int32)])
def test_labels_of_more_than_255_classes_do_not_wrap_around(classes: int, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", classes).eval()
    bias = model.head.classifier.bias
    assert bias is not None
    with torch.no_grad():
        bias[classes - 1] = 1000.0  # the last class everywhere
    labels = ExportWrapper(model, labels=True)(torch.zeros(1, 32, 40, 3, dtype=torch.uint8))["labels"]
    assert labels.dtype == kind and labels.unique().tolist() == [classes - 1]
