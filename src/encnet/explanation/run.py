"""`encnet.explain`: explains the prediction of a model for an image."""

from __future__ import annotations

import numpy as np
import torch

from encnet.data.class_indices import for_numpy
from encnet.explanation.contribution import channel_groups, contribution, group_contribution
from encnet.explanation.observation import Explainable, Observer
from encnet.explanation.result import Exchange, Explanation
from encnet.explanation.use import CodewordUse
from encnet.inference.argmax import most_probable
from encnet.inference.preprocessing import ImageInput, OpenedImage, pixels_of
from encnet.model.output import Scene
from encnet.system.errors import InputError

NO_CONTEXT: str = "no context"
"""Name of the exchange with γ = 0."""


def explain(
    model: Explainable,
    image: ImageInput,
    other: ImageInput | None = None,
    use: CodewordUse | None = None,
    groups: int = 8,
    device: str | torch.device = "auto",
) -> Explanation:
    """Explains what the context encoding sees in an image and what it changes in the prediction.

    The prediction is repeated with γ = 0, with the context of ``other`` and with the average context of ``use``, if
    these are given. A presence prior on the logits follows the context: it is left out with γ = 0, and in the other
    exchanges it uses the presence of the other context.

    The network runs once on each of the two images. Its last part, after γ, runs two more times, once more per further
    exchange, and, if there is more than one group, once more per group.

    Args:
        model: a model with a context encoding, a path or hub id as for ``encnet.load``, or a predictor.
        image: a file, a PIL image, or a uint8 array (H, W, C): RGB, or the bands of the model.
        other: another image, of any size.
        use: use of the codewords over a data set, from :func:`encnet.explanation.use.codeword_use`.
        groups: number of groups of channels with similar γ, for :attr:`Explanation.group_contribution`; 1 to C.
        device: as for :class:`encnet.Predictor`; a predictor has its own.

    Raises:
        InputError: an image cannot be read; the model cannot be read, does not run in PyTorch or has no context
            encoding; ``use`` belongs to another model; or the number of groups is out of its range.
    """
    observer = Observer(model, device)
    if use is not None and (len(use.share), len(use.semantics)) != observer.context.semantics.encoding.codewords.shape:
        raise InputError(
            f"the use of codewords over {use.name} was measured with another model; measure it with this one", "use"
        )
    predictor = observer.predictor
    opened = predictor.preprocessing.open(image)
    opened_other = None if other is None else predictor.preprocessing.open(other)
    observed = observer(opened.seen)
    size = (opened.image.height, opened.image.width)
    features, (gamma, presence) = observed.features, observed.scene
    _, covered = predictor.preprocessing.filled(pixels_of([opened.seen]), size)

    def labels(scene: Scene) -> np.ndarray:
        filled = most_probable(observer.logits(features, scene), covered, observer.network.align_corners)
        return for_numpy(filled[0, : size[0], : size[1]].cpu().numpy())

    scenes = {NO_CONTEXT: Scene(torch.zeros_like(gamma), None)}
    if opened_other is not None:
        scenes[f"the context of {_name(opened_other)}"] = observer(opened_other.seen).scene
    if use is not None:
        scenes[f"the average context of {use.name}"] = observer.scene_of(
            torch.from_numpy(use.semantics).to(observed.semantics)
        )
    contribution_map = contribution(observer, features, gamma)
    group = channel_groups(gamma[0].cpu().numpy(), groups)
    return Explanation(
        image=opened.image,
        path=opened.path,
        names=predictor.names,
        palette=predictor.palette,
        labels=labels(observed.scene),
        presence=None if presence is None else observer.network.presence_probabilities(presence)[0].cpu().numpy(),
        assignment=observed.assignment.cpu().numpy(),
        semantics_by_codeword=observed.semantics.cpu().numpy(),
        gamma=gamma[0].cpu().numpy(),
        contribution=contribution_map.cpu().numpy(),
        channel_group=group,
        group_contribution=contribution_map.mean(dim=(1, 2))[None].cpu().numpy()
        if groups == 1
        else group_contribution(observer, features, gamma, group),
        exchanges=tuple(Exchange(name, scene.gamma[0].cpu().numpy(), labels(scene)) for name, scene in scenes.items()),
        use=use,
    )


def _name(opened: OpenedImage) -> str:
    return "another image" if opened.path is None else opened.path.name
