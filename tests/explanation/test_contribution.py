"""The contribution of γ, against the weights of a linear classifier and against networks with γ replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from inside import inside

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.explanation.contribution import channel_groups
from encnet.system.errors import InputError

OTHERS = {"detail": {"detail_channels": (12, 8)}, "full resolution": {"head": "fullres"}}


def test_the_contribution_in_a_linear_head_is_the_weights_times_the_scaled_features(
    build: Callable[..., EncNet], photographs: Path
) -> None:
    model = build()
    found = encnet.explain(model, photographs / "wide.png", device="cpu", groups=3)
    seen = inside(model, photographs / "wide.png")
    w = model.head.classifier.weight.detach().double().numpy()[:, :, 0, 0]
    scaled = (seen.X.double() * seen.gamma.double()[:, None, None]).numpy()
    assert scaled.min() >= 0
    np.testing.assert_allclose(found.contribution, np.einsum("kc,cyx->kyx", w, scaled), rtol=1e-3, atol=1e-3)
    assert np.abs(found.contribution).max() > 0.1
    for number in range(3):
        group = found.channel_group == number
        expected = np.einsum("kc,cyx->k", w[:, group], scaled[group]) / scaled[0].size
        np.testing.assert_allclose(found.group_contribution[number], expected, rtol=1e-3, atol=1e-3)
    mean = found.contribution.mean(axis=(1, 2))
    np.testing.assert_allclose(found.group_contribution.sum(axis=0), mean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_the_contribution_in_other_heads_is_the_difference_without_gamma(
    options: dict[str, Any], build: Callable[..., EncNet], photographs: Path
) -> None:
    model, path = build(**options), photographs / "tall.png"
    model.info.presence_prior = 0.8
    found = encnet.explain(model, path, device="cpu", groups=2)
    seen = inside(model, path)
    without = inside(model, path, torch.zeros_like(seen.gamma)).low
    np.testing.assert_allclose(found.contribution, seen.low - without, rtol=1e-3, atol=2e-3)
    assert np.abs(found.contribution).max() > 0.1
    for number in range(2):
        gamma = torch.where(torch.from_numpy(found.channel_group == number), 0.0, seen.gamma)
        expected = (seen.low - inside(model, path, gamma).low).mean(dim=(1, 2))
        np.testing.assert_allclose(found.group_contribution[number], expected, rtol=1e-3, atol=2e-3)


def test_a_single_group_has_all_channels(build: Callable[..., EncNet], photographs: Path) -> None:
    found = encnet.explain(build(detail_channels=(8,)), photographs / "wide.png", device="cpu", groups=1)
    assert (found.channel_group == 0).all()
    np.testing.assert_allclose(found.group_contribution[0], found.contribution.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 1, width=32)), st.data())
def test_groups_have_equal_sizes_and_descending_gamma(gamma: np.ndarray, data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, len(gamma)))
    group = channel_groups(gamma, groups)
    sizes = np.bincount(group, minlength=groups)
    assert len(sizes) == groups
    assert sizes.max() - sizes.min() <= 1
    for number in range(groups - 1):
        assert gamma[group == number].min() >= gamma[group == number + 1].max()


@pytest.mark.parametrize("groups", [0, 17])
def test_numbers_of_groups_out_of_range_are_refused(
    groups: int, build: Callable[..., EncNet], photographs: Path
) -> None:
    with pytest.raises(InputError, match=f"groups is {groups}; it must be from 1 to 16"):
        encnet.explain(build(), photographs / "wide.png", device="cpu", groups=groups)
