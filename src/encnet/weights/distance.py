"""Refuses networks that assign pixels to far codewords: no EncNet of this package computes the same."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.system.errors import InputError
from encnet.weights.sources import Answers, ForeignFile

SCALE = "head.context.semantics.encoding.scale"


def refuse_squared_factor(file: ForeignFile, answers: Answers) -> None:
    """Refuses awesome-semantic-segmentation-pytorch, whose assignment is softmax_k(‖s_k (x − d_k)‖²).

    The factor acts as s², so a larger distance always increases the assignment, whatever the sign of s. Nearly all of
    its tensor names are PyTorch-Encoding's. The differences: its auxiliary head is ``auxlayer.block``, its JPU has
    ``dilation1.0.conv`` where FastFCN has ``conv1``, and its backbone always keeps the classifier ``pretrained.fc``.
    FastFCN keeps that too, and so did early versions of PyTorch-Encoding. A file that has this classifier, but no
    auxiliary head and no JPU, can come from any of the three, so the user has to name the source.

    Raises:
        InputError: the file comes from that code base, or may come from it and the answers name no source.
    """
    if any(name.startswith("auxlayer.block.") for name in file.tensors):
        raise InputError(
            f"{file.path} comes from awesome-semantic-segmentation-pytorch, whose Encoding layer squares the smoothing "
            "factor and so assigns pixels to the farthest codeword; encnet has no such network: train a new one, or "
            "convert a checkpoint of the authors' code"
        )
    has_codewords = "head.encmodule.encoding.3.codewords" in file.tensors
    has_classifier = any(name.startswith("pretrained.fc.") for name in file.tensors)
    distinguishable = any(name.startswith(("auxlayer.", "jpu.dilation1.0.conv1.")) for name in file.tensors)
    if has_codewords and has_classifier and not distinguishable and answers.source is None:
        raise InputError(
            f"{file.path} may come from PyTorch-Encoding, FastFCN or awesome-semantic-segmentation-pytorch; the last "
            "one's Encoding layer squares the smoothing factor, which encnet does not convert; if you know that the "
            "file comes from one of the other two, give the source 'pytorch-encoding'",
            "source",
        )


def refuse_positive_scale(file: ForeignFile, tensors: Mapping[str, Tensor]) -> None:
    """Refuses a network whose ``scale`` (the paper's −s) is mostly positive: it assigns pixels to far codewords.

    Args:
        file: the file, for the message.
        tensors: its tensors under our names.

    Raises:
        InputError: more than half of the values are positive.
    """
    scale = tensors.get(SCALE)
    positive = 0 if scale is None else int((scale > 0).sum())
    if scale is not None and positive > scale.numel() / 2:
        raise InputError(
            f"{file.path} has a positive scale for {positive} of {scale.numel()} codewords, so that pixels are "
            "assigned to far codewords, as in code that squares the smoothing factor; encnet has no such network: "
            "convert a checkpoint of the code that the paper's authors published"
        )
