"""The machine and the library versions that measured figures depend on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

LIBRARIES = ("torch", "onnxruntime", "openvino")
"""Distributions whose versions are recorded, where they are installed."""

INSTRUCTIONS = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "sve", "bf16", "i8mm")
"""Instruction sets that matter for speed, by PyTorch's names."""


def describe_machine(libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """Returns processor, cores, threads, instruction sets, system, Python, a GPU if any, and library versions.

    Args:
        libraries: distributions whose versions are recorded; those that are not installed are left out.
    """
    capabilities = torch.cpu.get_capabilities()
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    versions = {}
    for library in libraries:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        **gpu,
        "threads": torch.get_num_threads(),
        "instructions": [name for name in INSTRUCTIONS if capabilities.get(name, False)],
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    """The processor's model as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
