"""What γ adds to the score of each class, over all channels and by groups of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from encnet.errors import InputError
from encnet.explanation.observation import Observer
from encnet.model.heads import HeadFeatures
from encnet.model.output import Scene


def contribution(observer: Observer, features: HeadFeatures, gamma: Tensor) -> Tensor:
    """What γ adds to the logits z of every class and pixel::

        z(γ) - z(0)

    Where the classifier is linear and the features X that γ scales are not negative, as in an EncHead without
    refinements, that is w_c·(X ⊙ γ) for class c, with w_c the classifier's weights. In any other head it is the
    difference as it stands, with all that lies between. The prior of presence on the logits is no part of it.

    Args:
        observer: of the model.
        features: of an image.
        gamma: γ, (1, C).

    Returns:
        (classes, h, w) float32, at the resolution of the head.
    """
    with_gamma, without = (observer.logits(features, Scene(each, None)) for each in (gamma, torch.zeros_like(gamma)))
    return (with_gamma - without)[0]


def channel_groups(gamma: np.ndarray, groups: int) -> np.ndarray:
    """The group, 0 to groups - 1, of each channel: groups of equal size, give or take one, by falling γ.

    Args:
        gamma: γ, (C,).
        groups: how many, 1 to C.

    Returns:
        (C,) int64.

    Raises:
        InputError: there cannot be so many groups.
    """
    if not 1 <= groups <= len(gamma):
        raise InputError(f"groups is {groups}; it must be from 1 to {len(gamma)}, the number of channels")
    group = np.empty(len(gamma), np.int64)
    for number, channels in enumerate(np.array_split(np.argsort(-gamma, kind="stable"), groups)):
        group[channels] = number
    return group


def group_contribution(observer: Observer, features: HeadFeatures, gamma: Tensor, group: np.ndarray) -> np.ndarray:
    """What each group's γ adds to the logits z, mean over the pixels: z(γ) - z(γ without that group's, which is 0).

    Where :func:`contribution` is linear, the groups' add up to the mean of it.

    Args:
        observer: of the model.
        features: of an image.
        gamma: γ, (1, C).
        group: (C,) as of :func:`channel_groups`.

    Returns:
        (groups, classes) float32.
    """
    whole = observer.logits(features, Scene(gamma, None)).mean(dim=(2, 3))[0]
    of_channel = torch.from_numpy(group).to(gamma.device)
    rows = [
        whole - observer.logits(features, Scene(gamma.masked_fill(of_channel == number, 0), None)).mean(dim=(2, 3))[0]
        for number in range(int(group.max()) + 1)
    ]
    return torch.stack(rows).cpu().numpy()
