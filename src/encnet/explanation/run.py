"""`encnet.explain`: a model and an image -> an :class:`Explanation`."""

from __future__ import annotations

import torch
from torch import Tensor

from encnet.errors import InputError
from encnet.explanation.contribution import channel_groups, contribution, group_contribution
from encnet.explanation.observation import Explainable, Observer
from encnet.explanation.result import Exchange, Explanation
from encnet.explanation.use import CodewordUse
from encnet.inference.decide import most_probable
from encnet.inference.preprocessing import pixels_of
from encnet.inference.reading import ImageInput, OpenedImage, open_input
from encnet.model.output import Scene

NO_CONTEXT = "no context"
"""Name of the exchange in which γ is 0."""


def explain(
    model: Explainable,
    image: ImageInput,
    other: ImageInput | None = None,
    use: CodewordUse | None = None,
    groups: int = 8,
    device: str | torch.device = "auto",
) -> Explanation:
    """What the context encoding sees in an image, and what it changes in the prediction.

    The prediction is repeated with γ = 0, with the context of ``other``, and with the average context of ``use``, if
    these are given. Without a context the model knows no presence either: a prior of presence on the logits is left out
    there, and comes from the other context in an exchange.

    The network runs once over each of the two images; its last part, from γ on, runs twice more, once more for each
    further exchange, and once more for each group if there are several.

    Args:
        model: a model with a context encoding, what ``encnet.load`` takes, or a predictor, which is opened already.
        image: a file, a PIL image, or a uint8 RGB array (H, W, 3).
        other: another image, of any size.
        use: of the codewords over a data set, as :func:`encnet.explanation.use.codeword_use` measures it.
        groups: of channels with similar γ, for :attr:`Explanation.group_contribution`; 1 to C.
        device: as :class:`encnet.Predictor` takes it; a predictor has its own.

    Raises:
        InputError: an image cannot be read, the model cannot be read, does not run in PyTorch or has no context
            encoding, ``use`` is of another model, or there cannot be so many groups.
    """
    observer = Observer(model, device)
    if use is not None and (len(use.share), len(use.semantics)) != observer.context.semantics.encoding.codewords.shape:
        raise InputError(
            f"the use of codewords over {use.name} is that of another model; measure it with the model to explain"
        )
    predictor = observer.predictor
    opened = open_input(image, predictor.preprocessing)
    opened_other = None if other is None else open_input(other, predictor.preprocessing)
    observed = observer(opened.seen)
    size = (opened.image.height, opened.image.width)
    features, (gamma, presence) = observed.features, observed.scene
    _, covered = predictor.single_pass.filled(pixels_of([opened.seen]), size)

    def labels(scene: Scene) -> Tensor:
        found = most_probable(observer.logits(features, scene), covered, observer.network.align_corners)
        return found[0, : size[0], : size[1]]

    others = {NO_CONTEXT: Scene(torch.zeros_like(gamma), None)}
    if opened_other is not None:
        others[f"the context of {_name(opened_other)}"] = observer(opened_other.seen).scene
    if use is not None:
        others[f"the average context of {use.name}"] = observer.scene_of(
            torch.from_numpy(use.semantics).to(observed.semantics)
        )
    added = contribution(observer, features, gamma)
    group = channel_groups(gamma[0].cpu().numpy(), groups)
    return Explanation(
        image=opened.image,
        path=opened.path,
        names=predictor.names,
        palette=predictor.palette,
        labels=labels(observed.scene).cpu().numpy(),
        presence=None if presence is None else observer.network.presence_probabilities(presence)[0].cpu().numpy(),
        assignment=observed.assignment.cpu().numpy(),
        semantics_by_codeword=observed.semantics.cpu().numpy(),
        gamma=gamma[0].cpu().numpy(),
        contribution=added.cpu().numpy(),
        channel_group=group,
        group_contribution=added.mean(dim=(1, 2))[None].cpu().numpy()
        if groups == 1
        else group_contribution(observer, features, gamma, group),
        exchanges=tuple(
            Exchange(name, scene.gamma[0].cpu().numpy(), labels(scene).cpu().numpy()) for name, scene in others.items()
        ),
        use=use,
    )


def _name(opened: OpenedImage) -> str:
    return "another image" if opened.path is None else opened.path.name
