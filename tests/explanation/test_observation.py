"""Observations, against hooks in the whole network and against the paper's formula of the assignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inside import inside
from PIL import Image

from encnet.checkpoint.encnet import EncNet
from encnet.explanation.observation import Observer
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.predictor import Predictor
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

HEADS = {"plain": {}, "lateral, detail": {"lateral": True, "detail_channels": (8,)}, "full": {"head": "fullres"}}


@pytest.mark.parametrize("options", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("context_pixels", [None, 30])
def test_observations_equal_what_the_whole_network_computes(
    options: dict[str, Any], context_pixels: int | None, build: Callable[..., EncNet], photographs: Path
) -> None:
    model = build(**options)
    model.info.context_pixels = context_pixels
    expected = inside(model, photographs / "wide.png")
    with Image.open(photographs / "wide.png") as image:
        observed = Observer(model, "cpu")(image)
    close: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}  # batch norms are folded
    torch.testing.assert_close(observed.features.features[0], expected.X, **close)
    torch.testing.assert_close(observed.semantics.sum(dim=0), expected.e, **close)
    torch.testing.assert_close(observed.scene.gamma[0], expected.gamma, **close)
    assert expected.presence is not None and observed.scene.presence is not None
    torch.testing.assert_close(observed.scene.presence[0], expected.presence, **close)
    assert float(observed.semantics.min()) >= 0
    assert float(expected.gamma.std()) > 0.05


def test_the_assignment_equals_the_formula_of_the_paper(build: Callable[..., EncNet], photographs: Path) -> None:
    model = build()
    with Image.open(photographs / "tall.png") as image:
        observed = Observer(model, "cpu")(image)
    Z = inside(model, photographs / "tall.png").encoded.double().numpy()
    assert model.head.context is not None
    encoding = model.head.context.semantics.encoding
    D, scale = (parameter.detach().double().numpy() for parameter in (encoding.codewords, encoding.scale))
    _, h, w = Z.shape
    assert observed.assignment.shape == (len(D), h, w)
    for y in range(h):
        for x in range(w):
            distances = [((Z[:, y, x] - d) ** 2).sum() for d in D]
            powers = np.exp([s * distance for s, distance in zip(scale, distances, strict=True)])
            np.testing.assert_allclose(observed.assignment[:, y, x], powers / powers.sum(), atol=1e-4)


def test_the_scene_of_an_images_semantics_is_its_scene(build: Callable[..., EncNet], photographs: Path) -> None:
    observer = Observer(build(), "cpu")
    with Image.open(photographs / "wide.png") as image:
        observed = observer(image)
    scene = observer.scene_of(observed.semantics.sum(dim=0))
    torch.testing.assert_close(scene.gamma, observed.scene.gamma)
    torch.testing.assert_close(scene.presence, observed.scene.presence)


def test_models_that_cannot_be_explained_are_refused(build: Callable[..., EncNet]) -> None:
    with pytest.raises(InputError, match="the model has no context encoding"):
        Observer(build(context=False))
    with pytest.raises(InputError, match="once on the whole image, not the protocol mmseg-ms; use the protocol plain"):
        Observer(Predictor(build(), "mmseg-ms", device="cpu"))
    with pytest.raises(InputError, match=r"there is no checkpoint nothing\.safetensors"):
        Observer("nothing.safetensors")


def test_exported_models_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    pixels, scores = (
        onnx.helper.make_tensor_value_info(name, kind, ["N", *size])
        for name, kind, size in (
            ("images", onnx.TensorProto.UINT8, ["H", "W", 3]),
            ("logits", onnx.TensorProto.FLOAT, [3, "H", "W"]),
        )
    )
    transpose = onnx.helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2])
    cast = onnx.helper.make_node("Cast", ["planes"], ["logits"], to=onnx.TensorProto.FLOAT)
    graph = onnx.helper.make_graph([transpose, cast], "toy", [pixels], [scores])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    description = Description(ModelInfo("toy", {}, [0.0] * 3, [1.0] * 3), 3, presence=False, align_corners=False)
    onnx.helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(InputError, match=r"model\.onnx runs in onnxruntime; give the checkpoint"):
        Observer(tmp_path / "model.onnx")
