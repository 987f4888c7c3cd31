"""Use of codewords over images, against the explanations of each image, and dead codewords."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.explanation.use import codeword_use
from encnet.system.errors import InputError


@pytest.fixture
def model(build: Callable[..., EncNet]) -> EncNet:
    """A model whose codeword 2 is so far from every feature that no pixel is assigned to it."""
    model = build()
    assert model.head.context is not None
    encoding = model.head.context.semantics.encoding
    with torch.no_grad():
        encoding.codewords[2] = 1000
        encoding.scale[2] = -1
        encoding.scale[[0, 1, 3]] = -0.05
    return model


def test_use_counts_the_pixels_of_images_of_any_size(model: EncNet, photographs: Path) -> None:
    paths = [photographs / f"{name}.png" for name in ("wide", "tall", "other")]
    use = codeword_use(model, paths, "garden", device="cpu")
    explanations = [encnet.explain(model, path, device="cpu") for path in paths]
    A = np.concatenate([one.assignment.reshape(4, -1) for one in explanations], axis=1).astype(np.float64)
    assert (use.name, use.images) == ("garden", 3)
    np.testing.assert_allclose(use.share, A.mean(axis=1), atol=1e-6)
    assert use.share.sum() == pytest.approx(1)
    np.testing.assert_allclose(use.highest, np.max([one.usage for one in explanations], axis=0), atol=1e-6)
    np.testing.assert_allclose(use.strongest, [(A.argmax(axis=0) == k).mean() for k in range(4)])
    np.testing.assert_allclose(use.semantics, np.mean([one.semantics for one in explanations], axis=0), atol=1e-5)


def test_a_codeword_that_no_image_uses_is_dead(model: EncNet, photographs: Path) -> None:
    use = codeword_use(model, [photographs / "wide.png", photographs / "tall.png"], device="cpu")
    assert use.dead.tolist() == [2]
    assert encnet.explain(model, photographs / "wide.png", device="cpu").unused.tolist() == [2]
    # A tenth of an equal share in a single image is enough.
    assert use.highest[2] < 0.1 / 4
    use.highest[2] = 0.1 / 4
    assert use.dead.tolist() == []


def test_progress_goes_to_stderr(model: EncNet, photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codeword_use(model, [photographs / "wide.png"], "garden", device="cpu", progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "codewords over garden" in captured.err
    assert "1/1" in captured.err


def test_missing_images_are_errors(model: EncNet, photographs: Path) -> None:
    with pytest.raises(InputError, match="garden has no images"):
        codeword_use(model, [], "garden")
    with pytest.raises(InputError, match=r"there is no file .*missing\.png"):
        codeword_use(model, [photographs / "wide.png", photographs / "missing.png"], device="cpu")
