"""Post-training quantisation to int8, with the ranges that activations have on the user's images."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from encnet.inference.engines.telemetry import no_telemetry

FLOAT_TYPES = ("MatMul", "Softmax")
"""Operations of OpenVINO's that stay float: the Encoding layer, whose squared distances are small differences of large
numbers, and the linear layers, which have one pixel to work on. Convolutions have nearly all of the arithmetic."""


def quantize(model: Any, images: Sequence[np.ndarray], progress: bool) -> Any:
    """An OpenVINO model -> one with int8 convolutions.

    Args:
        model: with one input, ``images``; its constants are folded.
        images: each uint8 (1, H, W, 3); their sizes may differ.
        progress: show NNCF's own bars, on standard error.
    """
    with no_telemetry():
        import nncf
        from openvino.passes import ConstantFolding, Manager

    nncf.set_log_level(logging.WARNING)
    # A bias that comes from ONNX is reshaped by the graph; as a constant NNCF knows it for one, and corrects it.
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    # NNCF draws its bars on standard output, where a command's results belong.
    with contextlib.redirect_stdout(sys.stderr if progress else io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset(images, lambda image: {"images": image}),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(images),
            fast_bias_correction=True,
            ignored_scope=nncf.IgnoredScope(types=list(FLOAT_TYPES), validate=False),
            # CPUs without VNNI add pairs of products in 16 bits. Weights of 7 bits keep these from overflowing, on any
            # CPU (measured without VNNI, encnet_lite0 on CamVid: mean IoU 73.5 in fp32, 73.4 so, 73.1 with 8 bits).
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
