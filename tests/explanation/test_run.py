"""`encnet.explain`: predictions with and without context, against whole networks with γ replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from inside import inside
from PIL import Image
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.explanation.use import codeword_use
from encnet.system.errors import InputError


def agree(labels: np.ndarray, logits: Tensor) -> bool:
    """Whether labels (H, W) are the argmax of logits (classes, H, W), except for near ties."""
    best = logits.max(dim=0).values
    chosen = logits.gather(0, torch.from_numpy(labels.astype(np.int64))[None])[0]
    return bool((best - chosen < 1e-3).all())


@pytest.mark.parametrize("head", ["enc", "fullres"])
def test_labels_are_those_of_the_network_with_each_context(
    head: str, build: Callable[..., EncNet], photographs: Path
) -> None:
    model = build(head=head)
    wide, other = photographs / "wide.png", photographs / "other.png"
    use = codeword_use(model, [other], "one image", device="cpu")
    found = encnet.explain(model, wide, other, use, device="cpu")
    seen = inside(model, wide)
    assert agree(found.labels, seen.logits)
    np.testing.assert_array_equal(found.labels, encnet.Predictor(model, device="cpu")(wide).labels)
    names = ["no context", "the context of other.png", "the average context of one image"]
    assert [exchange.name for exchange in found.exchanges] == names
    without, exchanged, average = found.exchanges
    assert agree(without.labels, inside(model, wide, torch.zeros_like(seen.gamma)).logits)
    assert (without.gamma == 0).all()
    other_gamma = inside(model, other).gamma
    assert agree(exchanged.labels, inside(model, wide, other_gamma).logits)
    np.testing.assert_allclose(exchanged.gamma, other_gamma, atol=1e-4)
    np.testing.assert_allclose(average.gamma, other_gamma, atol=1e-4)  # the average of that one image
    assert agree(average.labels, inside(model, wide, other_gamma).logits)
    assert 0 < found.changed(without).mean() < 1
    np.testing.assert_allclose(found.gamma, seen.gamma, atol=1e-4)
    assert seen.presence is not None and found.presence is not None
    np.testing.assert_allclose(found.presence, seen.presence.sigmoid(), atol=1e-4)


def test_the_presence_prior_follows_the_context(build: Callable[..., EncNet], photographs: Path) -> None:
    model = build()
    wide, other = photographs / "wide.png", photographs / "other.png"
    plain = encnet.explain(model, wide, other, device="cpu")
    model.info.presence_prior = 5.0
    found = encnet.explain(model, wide, other, device="cpu")
    assert agree(found.labels, inside(model, wide).logits)
    assert (found.labels != plain.labels).any()
    np.testing.assert_array_equal(found.exchanges[0].labels, plain.exchanges[0].labels)
    np.testing.assert_allclose(found.contribution, plain.contribution)
    seen = inside(model, other)
    assert seen.presence is not None
    exchanged = inside(model, wide, seen.gamma)
    prior = 5.0 * seen.presence.sigmoid().clamp(min=1e-3).log()
    low = exchanged.low + prior[:, None, None]
    logits = torch.nn.functional.interpolate(low[None], found.labels.shape, mode="bilinear", align_corners=False)[0]
    assert agree(found.exchanges[1].labels, logits)


def test_explain_takes_a_file_a_model_or_a_predictor(
    build: Callable[..., EncNet], photographs: Path, tmp_path: Path
) -> None:
    model = build(se=False)
    model.save(tmp_path / "model.safetensors")
    path = photographs / "tall.png"
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    first = encnet.explain(model, path, device="cpu")
    assert (first.path, first.presence) == (path, None)
    for source, image in (
        (tmp_path / "model.safetensors", pixels),
        (encnet.Predictor(model, device="cpu"), Image.fromarray(pixels)),
    ):
        found = encnet.explain(source, image, other=pixels, device="cpu")
        assert found.path is None
        assert found.exchanges[1].name == "the context of another image"
        np.testing.assert_array_equal(found.exchanges[1].labels, first.labels)  # the same image
        for name in ("labels", "assignment", "gamma", "contribution", "group_contribution"):
            np.testing.assert_allclose(getattr(found, name), getattr(first, name), rtol=1e-5, atol=1e-5)


def test_images_are_resized_as_the_model_requires(build: Callable[..., EncNet], photographs: Path) -> None:
    model = build()
    model.info.long_side = 48
    found = encnet.explain(model, photographs / "wide.png", device="cpu")
    assert found.labels.shape == (64, 96)
    assert found.assignment.shape == (4, 32 // 8, 48 // 8)
    np.testing.assert_array_equal(found.labels, encnet.Predictor(model, device="cpu")(photographs / "wide.png").labels)


def test_a_predictor_in_half_precision_is_explained(build: Callable[..., EncNet], photographs: Path) -> None:
    model, path = build(), photographs / "wide.png"
    full = encnet.explain(model, path, device="cpu")
    half = encnet.explain(encnet.Predictor(model, device="cpu", precision="bf16"), path)
    assert half.gamma.dtype == half.assignment.dtype == half.contribution.dtype == np.float32
    np.testing.assert_allclose(half.gamma, full.gamma, atol=0.1)


def test_wrong_input_is_an_error(build: Callable[..., EncNet], photographs: Path, tmp_path: Path) -> None:
    model = build()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken\.png"):
        encnet.explain(model, broken, device="cpu")
    with pytest.raises(InputError, match=r"broken\.png"):
        encnet.explain(model, photographs / "wide.png", broken, device="cpu")
    use = codeword_use(model, [photographs / "wide.png"], "garden", device="cpu")
    with pytest.raises(InputError, match="use of codewords over garden was measured with another model"):
        encnet.explain(model, photographs / "wide.png", use=replace(use, share=use.share[:2]), device="cpu")
