"""Which number format the computation of a training run takes."""

from __future__ import annotations

from typing import Any

import torch

from encnet.errors import InputError

LIGHTNING_NAMES: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def resolve_precision(precision: str, accelerator: str) -> str:
    """The number format for a setting, on this machine.

    Args:
        precision: "fp32", "bf16", "fp16", or "auto": bf16 where the device computes it natively, otherwise fp32.
            A CPU without instructions for bf16 emulates it, more than ten times slower.
        accelerator: the device type that the run asks for: "auto", "cpu", "gpu", ...

    Returns:
        "fp32", "bf16" or "fp16".

    Raises:
        InputError: fp16 without a GPU.
    """
    on_gpu = accelerator != "cpu" and torch.cuda.is_available()
    if precision == "fp16" and not on_gpu:
        raise InputError("precision fp16 needs a GPU; use bf16 or fp32")
    if precision != "auto":
        return precision
    if on_gpu:
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_computes_bf16() else "fp32"


def cpu_computes_bf16() -> bool:
    """Whether this machine's CPU multiplies bf16 without emulation: AVX-512 BF16, AMX, or Arm's BF16."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
