"""What γ adds, against the classifier's weights where it is linear and against networks with γ replaced elsewhere."""

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
from encnet.errors import InputError
from encnet.explanation.contribution import channel_groups
from encnet.model.encnet import EncNet

OTHERS = {"detail": {"detail_channels": (12, 8)}, "full resolution": {"full_resolution": True}}


def test_in_a_linear_head_it_is_the_weights_times_the_raised_features(
    build: Callable[..., EncNet], photographs: Path
) -> None:
    model = build()
    found = encnet.explain(model, photographs / "wide.png", device="cpu", groups=3)
    seen = inside(model, photographs / "wide.png")
    w = model.head.classifier.weight.detach().double().numpy()[:, :, 0, 0]
    raised = (seen.X.double() * seen.gamma.double()[:, None, None]).numpy()
    assert raised.min() >= 0
    np.testing.assert_allclose(found.contribution, np.einsum("kc,cyx->kyx", w, raised), rtol=1e-3, atol=1e-3)
    assert np.abs(found.contribution).max() > 0.1
    for number in range(3):
        own = found.channel_group == number
        expected = np.einsum("kc,cyx->k", w[:, own], raised[own]) / raised[0].size
        np.testing.assert_allclose(found.group_contribution[number], expected, rtol=1e-3, atol=1e-3)
    mean = found.contribution.mean(axis=(1, 2))
    np.testing.assert_allclose(found.group_contribution.sum(axis=0), mean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
def test_in_other_heads_it_is_the_difference(
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


def test_one_group_is_all_channels(build: Callable[..., EncNet], photographs: Path) -> None:
    found = encnet.explain(build(detail_channels=(8,)), photographs / "wide.png", device="cpu", groups=1)
    assert (found.channel_group == 0).all()
    np.testing.assert_allclose(found.group_contribution[0], found.contribution.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 1, width=32)), st.data())
def test_groups_are_of_one_size_and_by_falling_gamma(gamma: np.ndarray, data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, len(gamma)))
    group = channel_groups(gamma, groups)
    sizes = np.bincount(group, minlength=groups)
    assert len(sizes) == groups
    assert sizes.max() - sizes.min() <= 1
    for number in range(groups - 1):
        assert gamma[group == number].min() >= gamma[group == number + 1].max()


@pytest.mark.parametrize("groups", [0, 17])
def test_impossible_groups_are_refused(groups: int, build: Callable[..., EncNet], photographs: Path) -> None:
    with pytest.raises(InputError, match=f"groups is {groups}; it must be from 1 to 16"):
        encnet.explain(build(), photographs / "wide.png", device="cpu", groups=groups)
