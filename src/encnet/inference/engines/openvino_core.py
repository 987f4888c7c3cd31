"""One ``openvino.Core`` per process: a second one can crash it."""

from __future__ import annotations

from functools import cache
from typing import Any

from encnet.inference.engines.telemetry import no_telemetry


@cache
def openvino_core() -> Any:
    """The ``openvino.Core`` of this process; it lives as long as the process.

    When a core compiles its first model, it installs its own stack for the thread's signal handlers; when the core is
    destroyed, it restores the previous stack. With two cores, the previous stack can belong to the first core and be
    freed already: the next handled signal then crashes the process. PyTorch's ``DataLoader`` handles the signal that
    a worker has ended. (Observed with OpenVINO 2026.4 on Linux.)
    """
    with no_telemetry():
        import openvino

    return openvino.Core()
