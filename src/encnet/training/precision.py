"""The number format that a training run computes in."""

from __future__ import annotations

from typing import Any

import torch

from encnet.system.errors import InputError

LIGHTNING_NAMES: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""Our name of a number format -> Lightning's."""


def resolve_precision(precision: str, accelerator: str) -> str:
    """Returns the number format that a precision setting means on this machine.

    Args:
        precision: "fp32", "bf16", "fp16", or "auto", which is bf16 where the device computes it natively, otherwise
            fp32. A CPU without bf16 instructions emulates it, more than ten times slower.
        accelerator: the device type of the run: "auto", "cpu", "gpu", ...

    Returns:
        "fp32", "bf16" or "fp16".

    Raises:
        InputError: fp16 without a GPU.
    """
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    if precision == "fp16" and not on_gpu:
        raise InputError("precision fp16 needs a GPU; use bf16 or fp32", argument="precision")
    if precision != "auto":
        return precision
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_computes_bf16() else "fp32"


def cpu_computes_bf16() -> bool:
    """True if this CPU multiplies bf16 natively: AVX-512 BF16, AMX, or Arm's BF16."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
