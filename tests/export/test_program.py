"""The graph and PyTorch's file of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from encnet.checkpoint.encnet import EncNet
from encnet.export.program import save_program, trace
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines.description import Description
from encnet.inference.engines.exported_program import ExportedProgramEngine
from encnet.system.errors import InputError


def images(batch: int, height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8)


def test_the_file_accepts_any_size_and_contains_the_metadata(network: Callable[..., EncNet], tmp_path: Path) -> None:
    wrapper = ExportWrapper(network("encnet_tiny"), labels=True)
    save_program(trace(wrapper), tmp_path / "model.pt2", {"encnet": "{}", "classes": '["ä"]'})
    extra = {"classes": "", "encnet": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    assert extra == {"encnet": "{}", "classes": '["ä"]'}
    for shape in ((1, 40, 72), (3, 101, 67), (2, 33, 200)):
        pixels = images(*shape)
        with torch.no_grad():
            outputs, expected = program(pixels), wrapper(pixels)
        assert set(outputs) == {"logits", "presence", "labels"}
        for name, tensor in expected.items():
            torch.testing.assert_close(outputs[name], tensor)


def test_a_program_for_one_size_refuses_others(network: Callable[..., EncNet]) -> None:
    program = trace(ExportWrapper(network("encnet_tiny")), size=(40, 72)).module()
    assert program(images(3, 40, 72))["logits"].shape == (3, 5, 5, 9)
    with pytest.raises(AssertionError, match="72"):
        program(images(3, 40, 80))


def test_the_engine_of_a_file_for_one_size_names_the_size(network: Callable[..., EncNet], tmp_path: Path) -> None:
    model = network("encnet_tiny")
    metadata = {"encnet": Description.of(model).to_json()}
    save_program(trace(ExportWrapper(model), size=(40, 72)), tmp_path / "model.pt2", metadata)
    engine = ExportedProgramEngine(tmp_path / "model.pt2")
    assert engine(images(2, 40, 72).numpy()).logits.shape == (2, 5, 5, 9)
    message = r"model\.pt2 is for images of 40 x 72 pixels \(height x width\), not 40 x 80; export it without a size"
    with pytest.raises(InputError, match=message):
        engine(images(1, 40, 80).numpy())


class DataDependent(torch.nn.Module):
    """A layer that cannot be traced, because its operations depend on values."""

    def forward(self, features: Tensor) -> Tensor:
        return features if features.mean() > 0 else -features


def test_a_layer_that_cannot_be_traced_is_an_error(network: Callable[..., EncNet]) -> None:
    wrapper = ExportWrapper(network("encnet_tiny"))
    conv_in = wrapper.model.head.conv_in
    assert isinstance(conv_in, torch.nn.Sequential)
    conv_in.append(DataDependent())
    message = r"encnet_tiny cannot be exported for images of any size .* give one size, \(360, 480\)"
    with pytest.raises(InputError, match=message) as caught:
        trace(wrapper)
    assert caught.value.argument == "size"
