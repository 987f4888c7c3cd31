"""Networks in which distance counts for a codeword: there is no EncNet that computes the same."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.errors import InputError
from encnet.weights.sources import Answers, ForeignFile

SCALE = "head.context.semantics.encoding.scale"


def refuse_squared_factor(file: ForeignFile, answers: Answers) -> None:
    """Refuses awesome-semantic-segmentation-pytorch, whose assignment is softmax_k(‖s_k (x − d_k)‖²).

    The factor acts as s², so distance always counts for a codeword, whatever the sign of s. Nearly all of its names
    are PyTorch-Encoding's. Some differ: its auxiliary head is ``auxlayer.block``, its JPU has ``dilation1.0.conv``
    where FastFCN has ``conv1``, and its backbone always keeps the classifier ``pretrained.fc``, as FastFCN's does and
    PyTorch-Encoding's did in early versions only. A file without auxiliary head and JPU and with that classifier can
    be of any of them, so the user has to say.

    Raises:
        InputError: the file is of that code base, or can be and the answers do not name another one.
    """
    if any(name.startswith("auxlayer.block.") for name in file.tensors):
        raise InputError(
            f"{file.path} is of awesome-semantic-segmentation-pytorch, whose Encoding layer squares the smoothing "
            "factor and so assigns pixels to the farthest codeword; encnet has no such network: train it anew, or "
            "convert a checkpoint of the authors' code"
        )
    theirs = "head.encmodule.encoding.3.codewords" in file.tensors
    classifier = any(name.startswith("pretrained.fc.") for name in file.tensors)
    told_apart = any(name.startswith(("auxlayer.", "jpu.dilation1.0.conv1.")) for name in file.tensors)
    if theirs and classifier and not told_apart and answers.source is None:
        raise InputError(
            f"{file.path} can be of PyTorch-Encoding, of FastFCN, or of awesome-semantic-segmentation-pytorch, whose "
            "Encoding layer squares the smoothing factor and which encnet does not convert; if you know it is none of "
            "the last, pass --source pytorch-encoding"
        )


def refuse_positive_scale(file: ForeignFile, tensors: Mapping[str, Tensor]) -> None:
    """Refuses a network most of whose ``scale`` (the paper's −s) is positive: it assigns pixels to far codewords.

    Args:
        file: for the message.
        tensors: under our names.

    Raises:
        InputError: more than half of the values are positive.
    """
    scale = tensors.get(SCALE)
    positive = 0 if scale is None else int((scale > 0).sum())
    if scale is not None and positive > scale.numel() / 2:
        raise InputError(
            f"{file.path} has a positive scale for {positive} of {scale.numel()} codewords, so that distance counts "
            "for a codeword instead of against it, as in code that squares the smoothing factor; encnet has no such "
            "network: convert a checkpoint of the code that the paper's authors published"
        )
