"""Winograd's convolution as a graph that ONNX Runtime runs, at sizes that were not the traced one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from encnet.checkpoint.encnet import EncNet
from encnet.export.onnx import save_onnx
from encnet.export.run import export_model
from encnet.kernels.winograd_conv import WinogradConv


class Graph(nn.Module):
    def __init__(self, convs: list[nn.Conv2d]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(WinogradConv(conv, transformed=False) for conv in convs))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"logits": self.layers(images)}


def test_equals_the_convolution(tmp_path: Path) -> None:
    torch.manual_seed(0)
    convs = [nn.Conv2d(4, 4, 3, padding=d, dilation=d, bias=d != 2).requires_grad_(False) for d in (1, 2, 2, 4, 1)]
    dynamic = {"images": dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)}
    program = torch.export.export(Graph(convs), (torch.randn(2, 4, 21, 34),), dynamic_shapes=dynamic)
    save_onnx(program, tmp_path / "graph.onnx", {})
    session = onnxruntime.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])
    for shape in ((1, 4, 1, 1), (3, 4, 16, 15), (1, 4, 33, 7), (2, 4, 8, 64)):
        images = torch.randn(shape)
        found = np.asarray(session.run(None, {"images": images.numpy()})[0])
        np.testing.assert_allclose(found, nn.Sequential(*convs)(images).numpy(), rtol=0, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("winograd", [True, False])
def test_an_exported_network_has_it_if_wanted(network: Callable[..., EncNet], winograd: bool, tmp_path: Path) -> None:
    wide = network("encnet_tiny", head_channels=512)
    export_model(wide, tmp_path / "model.onnx", winograd=winograd)  # raises if it says something else than the model
    nodes = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert ("Pad" in nodes and "Range" in nodes) == winograd
