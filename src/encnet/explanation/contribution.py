"""The contribution of γ to the score of each class, for all channels and by group of channels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from encnet.explanation.observation import Observer
from encnet.model.head import HeadFeatures
from encnet.model.output import Scene
from encnet.system.checks import require


def contribution(observer: Observer, features: HeadFeatures, gamma: Tensor) -> Tensor:
    """The contribution of γ to the logits z of every class and pixel::

        z(γ) - z(0)

    If the classifier is linear and the features X that γ scales are not negative, as in an EncHead without refinements,
    it equals w_c·(X ⊙ γ) for class c with the classifier's weights w_c. In other heads the difference also depends on
    the layers in between. The presence prior on the logits is not included.

    Args:
        observer: observer of the model.
        features: features of an image.
        gamma: γ, (1, C).

    Returns:
        (classes, h, w) float32, at the resolution of the head.
    """
    with_gamma = observer.logits(features, Scene(gamma, None))
    without = observer.logits(features, Scene(torch.zeros_like(gamma), None))
    return (with_gamma - without)[0]


def channel_groups(gamma: np.ndarray, groups: int) -> np.ndarray:
    """Divides the channels into groups by descending γ; the sizes of the groups differ by at most one.

    Args:
        gamma: γ, (C,).
        groups: number of groups, 1 to C.

    Returns:
        (C,) int64: the group of each channel, 0 to groups - 1.

    Raises:
        InputError: the number of groups is out of its range.
    """
    require(1 <= groups <= len(gamma), "groups", groups, f"from 1 to {len(gamma)}, the number of channels")
    group = np.empty(len(gamma), np.int64)
    for number, channels in enumerate(np.array_split(np.argsort(-gamma, kind="stable"), groups)):
        group[channels] = number
    return group


def group_contribution(observer: Observer, features: HeadFeatures, gamma: Tensor, group: np.ndarray) -> np.ndarray:
    """The contribution of each group of channels to the logits z, mean over the pixels.

    It is z(γ) - z(γ with 0 for that group). If :func:`contribution` is linear in γ, the contributions of all groups add
    up to its mean over the pixels.

    Args:
        observer: observer of the model.
        features: features of an image.
        gamma: γ, (1, C).
        group: (C,) the group of each channel, from :func:`channel_groups`.

    Returns:
        (groups, classes) float32.
    """
    whole = observer.logits(features, Scene(gamma, None)).mean(dim=(2, 3))[0]
    channel_group = torch.from_numpy(group).to(gamma.device)
    rows = []
    for number in range(int(group.max()) + 1):
        without = Scene(gamma.masked_fill(channel_group == number, 0), None)
        rows.append(whole - observer.logits(features, without).mean(dim=(2, 3))[0])
    return torch.stack(rows).cpu().numpy()
