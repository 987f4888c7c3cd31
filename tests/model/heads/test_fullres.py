"""The full-resolution head against the plain form of its description, and the network against the tutorial form."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from tutorial_form import our_name, tutorial_form

from encnet.checkpoint.create import create_model
from encnet.kernels import tiled_classifier
from encnet.model.backbone import Stages
from encnet.model.heads.fullres import FullResolutionHead
from encnet.system.errors import InputError


def plain(head: FullResolutionHead, features: Tensor) -> Tensor:
    """Returns the output of ``head.classify``, computed with every tensor at full resolution."""
    hidden = head.hidden
    upsampled = F.interpolate(
        features, scale_factor=hidden.scale_factor, mode="bilinear", align_corners=hidden.align_corners
    )
    return head.classifier(F.relu(head.norm(F.conv2d(upsampled, hidden.weight, hidden.bias, padding=1))))


def head_of(**options: Any) -> FullResolutionHead:
    torch.manual_seed(0)
    head = FullResolutionHead((0, 4, 4, 4, 9), 8, 3, num_codes=5, **options).double()  # pyright: ignore[reportArgumentType]
    torch.nn.init.normal_(head.norm.weight)
    torch.nn.init.normal_(head.norm.bias)
    return head


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("tile", [(8, 8), (5, 13), (1000, 16), (1000, 1000)])
def test_logits_gradients_and_statistics_equal_the_plain_form(
    align_corners: bool, training: bool, tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_classifier, "TILE", tile)
    head = head_of(align_corners=align_corners).train(training)
    other = copy.deepcopy(head)
    features = torch.randn(2, 8, 7, 5, dtype=torch.float64, requires_grad=True)
    logits, expected = head.classify(features), plain(other, features)
    assert logits.shape == (2, 3, 8 * 7, 8 * 5)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-10)
    grad_output = torch.randn_like(expected)
    logits.backward(grad_output)
    grad_features, features.grad = features.grad, None
    expected.backward(grad_output)
    torch.testing.assert_close(grad_features, features.grad, rtol=0, atol=1e-10)
    for (name, a), b in zip(head.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")
    for a, b in zip(head.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.3, None])
def test_running_statistics_equal_those_of_batch_norm(momentum: float | None) -> None:
    head = head_of(scale_factor=2).train()
    head.norm.momentum = momentum
    other = copy.deepcopy(head)
    for _ in range(3):
        features = torch.randn(2, 8, 3, 5, dtype=torch.float64)
        head.classify(features)
        plain(other, features)
    for (name, a), b in zip(head.norm.named_buffers(), other.norm.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


def shares_a_batch(rank: int, folder: str) -> None:
    """In one of two processes: classifies a part of a batch with synchronised batch norm, and writes the results."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    head = head_of(scale_factor=2).train()
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(head)  # in place
    assert isinstance(head.norm, torch.nn.SyncBatchNorm)
    half = torch.load(f"{folder}/batch.pt").split([1, 2])[rank].requires_grad_()  # unequal sizes
    logits = head.classify(half)
    logits.square().sum().backward()
    torch.save((logits.detach(), half.grad, head.norm.running_var), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_share_statistics_under_synchronised_batch_norm(tmp_path: Path) -> None:
    features = torch.randn(3, 8, 3, 5, dtype=torch.float64)
    torch.save(features, tmp_path / "batch.pt")
    spawn(shares_a_batch, (str(tmp_path),), nprocs=2)
    head = head_of(scale_factor=2).train()
    logits = plain(head, features.requires_grad_())
    logits.square().sum().backward()
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    torch.testing.assert_close(torch.cat([part[0] for part in parts]), logits)
    torch.testing.assert_close(torch.cat([part[1] for part in parts]), features.grad)
    for _, _, running_var in parts:
        torch.testing.assert_close(running_var, head.norm.running_var)


def test_gradients_in_bfloat16_point_in_the_same_direction() -> None:
    torch.manual_seed(0)
    head = FullResolutionHead((0, 4, 4, 4, 9), 64, 3, num_codes=5).train()
    features = torch.randn(1, 64, 6, 7, requires_grad=True)
    exact = torch.autograd.grad(head.classify(features).square().mean(), [features, *head.classifier.parameters()])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head.classify(features)
    assert logits.dtype == torch.bfloat16
    rough = torch.autograd.grad(logits.float().square().mean(), [features, *head.classifier.parameters()])
    for a, b in zip(rough, exact, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert F.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.999


def test_frozen_batch_norm_uses_its_running_statistics() -> None:
    head = head_of(scale_factor=2).train()
    head.norm.eval()
    before = copy.deepcopy(head.norm.state_dict())
    features = torch.randn(1, 8, 3, 5, dtype=torch.float64)
    torch.testing.assert_close(head.classify(features), plain(head, features))
    for name, value in head.norm.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_training_keeps_no_map_of_full_resolution() -> None:
    head = head_of().float().train()
    features = torch.randn(1, 8, 16, 16)
    full_resolution = 16 * 8 * 16 * 8  # pixels
    kept: dict[int, int] = {}  # storage -> numbers in it

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 4
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = head.classify(features.requires_grad_())
    assert logits.requires_grad and kept
    assert max(kept.values()) < full_resolution  # the hidden map has 4 times as many, the upsampled features 8


def test_context_and_se_branch_are_optional() -> None:
    stage = torch.randn(1, 9, 3, 5, dtype=torch.float64)
    stages = Stages(None, stage, stage, stage, stage)
    assert head_of(se=False).presence is None
    head = head_of(context=False)
    assert head.presence is None and head.context is None
    assert head.classify(*head.prepare(stages)).shape[:2] == (1, 3)
    assert not [name for name, _ in head.named_parameters() if "context" in name or "presence" in name]


@pytest.mark.parametrize("option", [{"lateral": True}, {"detail_channels": (8,)}])
def test_options_of_the_other_head_are_refused(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=rf"{name} is .* with the head 'fullres'") as error:
        create_model("encnet_resnet50_fullres", 3, **option)
    assert error.value.argument == name


def test_tutorial_form_has_no_auxiliary_head_and_a_squared_presence_loss() -> None:
    model = create_model("encnet_resnet50_fullres", 33)
    assert model.aux_head is None
    assert model.presence_loss == "mse"
    assert model.num_classes == 33
    assert isinstance(model.head, FullResolutionHead)
    assert isinstance(model.head.conv_in, torch.nn.Conv2d) and model.head.conv_in.bias is not None


@pytest.mark.parametrize(
    ("training", "dtype", "tolerance"),
    [
        (False, torch.float64, 1e-9),
        (True, torch.float64, 1e-9),
        pytest.param(False, torch.float32, 1e-5, marks=pytest.mark.slow),
        pytest.param(True, torch.float32, 1e-4, marks=pytest.mark.slow),
    ],
)
def test_network_equals_the_tutorial_form(training: bool, dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    expected = tutorial_form(33).to(dtype)
    model = create_model("encnet_resnet50_fullres", 33).to(dtype)
    model.load_state_dict({our_name(name): tensor for name, tensor in expected.state_dict().items()})
    images = torch.randn(2, 3, 40, 64, dtype=dtype)
    with torch.no_grad():
        logits, presence = expected.train(training)(images)
        output = model.train(training)(images)
    assert output.presence is not None
    for actual, reference in ((output.logits, logits), (output.presence, presence)):
        largest = float(reference.abs().max())
        torch.testing.assert_close(actual, reference, rtol=0, atol=tolerance * largest)
    buffers = model.state_dict()
    for name, tensor in expected.state_dict().items():  # running statistics, after a step of training
        torch.testing.assert_close(buffers[our_name(name)], tensor, rtol=1e-3, atol=1e-4)


def test_logits_are_resized_if_the_stride_does_not_divide_the_size() -> None:
    torch.manual_seed(0)
    expected = tutorial_form(33)
    model = create_model("encnet_resnet50_fullres", 33).eval()
    model.load_state_dict({our_name(name): tensor for name, tensor in expected.state_dict().items()})
    images = torch.randn(1, 3, 41, 67)
    with torch.no_grad():
        logits, _ = expected(images)
        output = model(images)
    assert logits.shape == (1, 33, 48, 72)
    resized = F.interpolate(logits, size=(41, 67), mode="bilinear", align_corners=False)
    torch.testing.assert_close(output.logits, resized, rtol=0, atol=1e-5 * float(resized.abs().max()))
