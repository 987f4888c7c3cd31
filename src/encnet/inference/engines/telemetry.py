"""Import OpenVINO and NNCF with telemetry disabled."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PACKAGE: str = "openvino_telemetry"
"""The package that sends telemetry. Both libraries work without it."""


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Makes :data:`PACKAGE` impossible to import within the block: a library first imported there never sends anything.

    By default, ``import openvino`` alone writes an identifier into the user's home directory and sends an event to a
    statistics server.
    """
    modules: dict[str, Any] = sys.modules
    imported = modules.get(PACKAGE)
    modules[PACKAGE] = None
    try:
        yield
    finally:
        del modules[PACKAGE]
        if imported is not None:
            modules[PACKAGE] = imported
