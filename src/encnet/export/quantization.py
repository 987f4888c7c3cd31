"""Post-training quantisation to int8, with activation ranges measured on the user's images."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from encnet.inference.engines.telemetry import no_telemetry

FLOAT_TYPES: tuple[str, ...] = ("MatMul", "Softmax")
"""OpenVINO operations that stay float: the Encoding layer, whose squared distances are small differences of large
numbers, and the linear layers, which work on a single pixel. Nearly all of the arithmetic is in convolutions."""


def quantize(model: Any, images: Sequence[np.ndarray], progress: bool) -> Any:
    """Quantises the convolutions of an OpenVINO model to int8.

    Args:
        model: an OpenVINO model with one input, ``images``; its constants are folded in place.
        images: calibration images, uint8 (1, H, W, C) each; their sizes may differ.
        progress: whether to show the progress bars of NNCF, on standard error.

    Returns:
        The quantised OpenVINO model.
    """
    with no_telemetry():
        import nncf
        from openvino.passes import ConstantFolding, Manager

    nncf.set_log_level(logging.WARNING)
    # The graph reshapes the biases from ONNX; NNCF recognises and corrects a bias only once it is folded to a constant.
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    # NNCF draws its bars on standard output, which belongs to the results of a command.
    with contextlib.redirect_stdout(sys.stderr if progress else io.StringIO()):
        return nncf.quantize(
            model,
            nncf.Dataset(images, lambda image: {"images": image}),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(images),
            fast_bias_correction=True,
            ignored_scope=nncf.IgnoredScope(types=list(FLOAT_TYPES), validate=False),
            # CPUs without VNNI add pairs of products in 16 bits; 7-bit weights prevent an overflow on any CPU (measured
            # without VNNI, encnet_lite0 on CamVid: mean IoU 73.5 in fp32, 73.4 with 7 bits, 73.1 with 8 bits).
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
