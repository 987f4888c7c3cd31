"""Every variant trains, evaluates, is saved and loaded, and is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import encnet
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.scenes import CONTEXT_DISTANCE
from encnet.losses.encnet_loss import EncNetLoss
from encnet.model.options import ModelOptions
from encnet.model.output import EncNetOutput
from encnet.model.variants import list_models, variant_options
from encnet.system.errors import InputError

CLASSES = 5
VARIANTS = list_models()
SHALLOW = ("encnet_resnet50_fullres", "encnet_jpu_resnet50")
"""Variants whose head and neck are tested on a ResNet-18; of ResNet-50 and 101 the others have the parts."""


def build(variant: str, **options: Any) -> EncNet:
    torch.manual_seed(0)
    if variant in SHALLOW:
        options["backbone"] = "resnet18"
    model = create_model(variant, CLASSES, **options)
    for module in model.modules():  # as if trained: residual branches that start at zero would hide errors
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def test_list_models_has_the_documented_variants() -> None:
    assert set(VARIANTS) == {
        "encnet_tiny",
        "encnet_lite0",
        "encnet_lite2",
        "encnet_resnet18",
        "encnet_resnet50",
        "encnet_resnet101",
        "encnet_resnet50s",
        "encnet_resnet101s",
        "encnet_resnet50_fullres",
        "encnet_jpu_resnet50",
        "encnet_jpu_resnet101",
    }


DEEP = [name for name in VARIANTS if "101" in name or name in ("encnet_resnet50", "encnet_resnet50s")]


@pytest.mark.parametrize(
    "variant", [pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name for name in VARIANTS]
)
class TestEveryVariant:
    def test_training_step_gives_every_parameter_a_gradient(self, variant: str) -> None:
        model = build(variant, aux=True, stage3_se=True).train()
        images = torch.randn(1, 3, 65, 79)  # batch 1, odd sizes
        labels = torch.randint(0, CLASSES, (1, 65, 79))
        output = model(images)
        assert isinstance(output, EncNetOutput)
        assert output.logits.shape == (1, CLASSES, 65, 79)
        assert output.aux_logits is not None and output.aux_logits.shape == (1, CLASSES, 65, 79)
        assert output.presence is not None and output.presence.shape == (1, CLASSES)
        assert output.stage3_presence is not None and output.stage3_presence.shape == (1, CLASSES)
        EncNetLoss(CLASSES)(output, labels).total.backward()
        missing = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert missing == []
        zero = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.any()]
        assert set(zero) <= {"head.hidden.bias"}  # the batch norm after it removes every constant

    def test_saved_and_loaded_model_computes_the_same_also_in_bfloat16(self, variant: str, tmp_path: Path) -> None:
        model = build(variant).eval()
        images = torch.randn(2, 3, 50, 67)
        output = model(images)
        assert output.aux_logits is None
        assert output.stage3_presence is None
        output.logits.square().mean().backward()
        assert all(p.grad is not None for p in model.head.classifier.parameters())
        assert all(p.grad is not None for p in model.backbone.parameters())

        model.info.classes = ["ä", "b", "c", "d", "e"]
        model.save(tmp_path / "model.safetensors")
        loaded = encnet.load(tmp_path / "model.safetensors")
        assert loaded.info == model.info
        with torch.inference_mode():
            again = loaded(images)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                half = model(images).logits.float()
        assert torch.equal(again.logits, output.logits)
        assert output.presence is not None and again.presence is not None
        assert torch.equal(again.presence, output.presence)
        # bfloat16 keeps 8 bits; over a hundred layers a few percent of the spread of the logits remain.
        assert (half - output.logits).abs().mean() < 0.05 * output.logits.std()

    def test_exported_program_computes_the_same(self, variant: str) -> None:
        model = build(variant).eval()
        images = torch.randn(1, 3, 48, 64)
        program = torch.export.export(model, (images,))
        with torch.inference_mode():
            expected, exported = model(images), program.module()(images)
        torch.testing.assert_close(exported.logits, expected.logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(exported.presence, expected.presence, rtol=1e-4, atol=1e-4)


def test_encnet_tiny_sees_about_as_far_as_the_landmark_is_away() -> None:
    """The claim that only context tells some classes of the generated scenes apart rests on this distance."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 5, context=False, aux=False).double().eval()
    for module in model.modules():  # residual branches start at zero, which would hide what they see
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    images = torch.randn(1, 3, 32, 480, dtype=torch.float64, requires_grad=True)
    reach = 0
    for column in range(240, 248):  # all positions within the stride of 8
        (grad_images,) = torch.autograd.grad(model(images).logits[0, :, 16, column].sum(), images)
        columns = grad_images.abs().sum(dim=(0, 1, 2)).nonzero()
        reach = max(reach, column - int(columns.min()), int(columns.max()) - column)
    # The outermost pixels have an effect only through the corners of all kernels in sequence.
    assert 100 < reach <= CONTEXT_DISTANCE + 4


def test_variant_options_can_be_changed() -> None:
    assert variant_options("encnet_resnet18").head_channels == 256
    assert variant_options("encnet_resnet18", head_channels=8).head_channels == 8
    assert variant_options("custom") == ModelOptions()


def test_unknown_variant_is_refused_with_the_list_of_variants() -> None:
    with pytest.raises(InputError, match=r"encnet_lite0, .*encnet_resnet50") as error:
        variant_options("encnet_resnet42")
    assert error.value.argument == "variant"


def test_unknown_option_is_refused_by_the_name_of_the_variant() -> None:
    with pytest.raises(InputError, match="encnet_tiny has no option 'lateralx'"):
        variant_options("encnet_tiny", lateralx=True)
