"""The graph and PyTorch's file of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from encnet.errors import InputError
from encnet.export.program import save_program, trace
from encnet.export.wrapper import ExportWrapper
from encnet.model.encnet import EncNet


def images(batch: int, height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8)


def test_the_file_takes_any_size_and_carries_its_metadata(network: Callable[..., EncNet], tmp_path: Path) -> None:
    wrapper = ExportWrapper(network("encnet_tiny"), labels=True)
    save_program(trace(wrapper), tmp_path / "model.pt2", {"encnet": "{}", "classes": '["ä"]'})
    extra = {"classes": "", "encnet": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    assert extra == {"encnet": "{}", "classes": '["ä"]'}
    for shape in ((1, 40, 72), (3, 101, 67), (2, 33, 200)):
        pixels = images(*shape)
        with torch.no_grad():
            found, expected = program(pixels), wrapper(pixels)
        assert set(found) == {"logits", "presence", "labels"}
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor)


def test_takes_one_size_where_asked_to(network: Callable[..., EncNet]) -> None:
    program = trace(ExportWrapper(network("encnet_tiny")), size=(40, 72)).module()
    assert program(images(3, 40, 72))["logits"].shape == (3, 5, 5, 9)
    with pytest.raises(AssertionError, match="72"):
        program(images(3, 40, 80))


class Undecided(torch.nn.Module):
    """Computes what no graph can: which operations, depends on values."""

    def forward(self, features: Tensor) -> Tensor:
        return features if features.mean() > 0 else -features


def test_says_that_a_part_cannot_be_exported(network: Callable[..., EncNet]) -> None:
    wrapper = ExportWrapper(network("encnet_tiny"))
    conv_in = wrapper.model.head.conv_in
    assert isinstance(conv_in, torch.nn.Sequential)
    conv_in.append(Undecided())
    with pytest.raises(
        InputError, match=r"encnet_tiny cannot be exported for images of any size .* --size \[360,480\]"
    ):
        trace(wrapper)
