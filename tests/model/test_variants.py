"""One contract that every variant keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import encnet
from encnet.errors import InputError
from encnet.losses import EncNetLoss
from encnet.model.encnet import EncNet
from encnet.model.output import EncNetOutput
from encnet.model.variants import create_model, list_models

CLASSES = 5
VARIANTS = list_models()


def build(variant: str, **options: object) -> EncNet:
    torch.manual_seed(0)
    model = create_model(variant, CLASSES, **options)
    for module in model.modules():  # as if trained: residual branches that start at zero hide what is broken
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def test_there_are_as_many_as_promised() -> None:
    assert set(VARIANTS) == {
        "encnet_tiny",
        "encnet_lite0",
        "encnet_resnet18",
        "encnet_resnet50",
        "encnet_resnet101",
        "encnet_resnet50s",
        "encnet_resnet101s",
        "encnet_resnet50_fullres",
        "encnet_jpu_resnet50",
        "encnet_jpu_resnet101",
    }


@pytest.mark.parametrize("variant", VARIANTS)
class TestEveryVariant:
    def test_trains_and_every_parameter_gets_a_gradient(self, variant: str) -> None:
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
        without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert without == []
        unused = [name for name, p in model.named_parameters() if p.grad is not None and not p.grad.any()]
        assert set(unused) <= {"head.hidden.bias"}  # batch norm comes after it and takes every constant off

    def test_evaluates_with_gradients_saves_loads_and_runs_in_bfloat16(self, variant: str, tmp_path: Path) -> None:
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

    def test_exports(self, variant: str) -> None:
        model = build(variant).eval()
        images = torch.randn(1, 3, 48, 64)
        program = torch.export.export(model, (images,))
        with torch.inference_mode():
            expected, exported = model(images), program.module()(images)
        torch.testing.assert_close(exported.logits, expected.logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(exported.presence, expected.presence, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [{"context": False}, {"se": False}, {"aux": False}, {"lateral": True}])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_options_combine(options: dict[str, bool], output_stride: int) -> None:
    model = build("encnet_tiny", output_stride=output_stride, detail_channels=(8, 4), **options).train()
    output = model(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, CLASSES, 64, 96)
    assert (output.presence is None) == (not options.get("context", True) or not options.get("se", True))
    assert (output.aux_logits is None) == (not options.get("aux", True))


@pytest.mark.parametrize("backbone", ["mobilenetv3_small_050", "regnetx_002", "convnext_atto"])
def test_other_timm_backbones_work(backbone: str) -> None:
    model = create_model("encnet_tiny", CLASSES, backbone=backbone, backbone_options=None, output_stride=16)
    assert model.backbone.strides[-1] == 16
    assert model.eval()(torch.randn(1, 3, 64, 64)).logits.shape == (1, CLASSES, 64, 64)


def test_other_inputs_than_rgb() -> None:
    model = create_model("encnet_tiny", CLASSES, in_channels=4, mean=(0.5,) * 4, std=(0.2,) * 4)
    assert model.eval()(torch.randn(1, 4, 32, 32)).logits.shape == (1, CLASSES, 32, 32)
    with pytest.raises(InputError, match=r"expected \(B, 4, H, W\)"):
        model(torch.randn(1, 3, 32, 32))


def test_presence_is_read_as_it_is_trained() -> None:
    presence = torch.tensor([[-1.0, 0.5, 2.0]])
    bce, mse = (create_model("encnet_tiny", 3, presence_loss=loss) for loss in ("bce", "mse"))
    torch.testing.assert_close(bce.presence_probabilities(presence), 1 / (1 + torch.exp(-presence)))
    assert mse.presence_probabilities(presence).tolist() == [[0.0, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 0}, "num_classes is 0; it must be from 1 to 255"),
        ({"num_classes": 256}, "num_classes is 256"),
        ({"num_codes": 0}, "num_codes is 0"),
        ({"head_channels": 0}, "head_channels is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"output_stride": 4}, "output_stride is 4; it must be 8, 16 or 32"),
        ({"in_channels": 4}, "one value for each of the 4 input channels"),
        ({"std": (0.0, 1.0, 1.0)}, "std is .* positive"),
        ({"detail_channels": (8, 8, 8)}, "detail_channels is .* at most two positive widths"),
        (
            {"backbone": "convnext_atto", "backbone_options": None, "detail_channels": (8, 8)},
            "has no features at stride 2",
        ),
        ({"presence_loss": "l1"}, "'bce' or 'mse'"),
        ({"backbone": "resnet_fifty"}, "timm has no backbone 'resnet_fifty'"),
        ({"backbone": "vit_tiny_patch16_224", "backbone_options": None}, "choose one that timm can dilate"),
        ({"lateralx": True}, "has no option 'lateralx'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model("encnet_tiny", **{"num_classes": CLASSES, **options})  # pyright: ignore[reportArgumentType]


def test_unknown_variant_lists_those_there_are() -> None:
    with pytest.raises(InputError, match=r"encnet_lite0, .*encnet_resnet50"):
        create_model("encnet_resnet42", CLASSES)
