"""OpenVINO's core, of which a process needs one and bears no second."""

from __future__ import annotations

from functools import cache
from typing import Any

from encnet.inference.engines.telemetry import no_telemetry


@cache
def openvino_core() -> Any:
    """The ``openvino.Core`` of this process, which lives as long as the process.

    A core that compiles its first model gives the thread another stack for signal handlers, and when it is destroyed
    the stack that was there before. Of two cores the first may be gone by then, and its stack with it: the next signal
    with a handler then ends the process. PyTorch's ``DataLoader`` sets one, for the end of a reading process.
    (Seen with OpenVINO 2026.4, Linux.)
    """
    with no_telemetry():
        import openvino

    return openvino.Core()
