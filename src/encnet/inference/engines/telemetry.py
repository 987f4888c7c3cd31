"""Intel's libraries, OpenVINO and NNCF, without what they tell their maker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PACKAGE = "openvino_telemetry"
"""What sends it. Both libraries do without where it is not installed."""


@contextmanager
def no_telemetry() -> Iterator[None]:
    """In the block :data:`PACKAGE` cannot be imported: a library that is first imported there sends nothing, ever.

    As it comes, importing ``openvino`` alone writes an identifier into the user's home, and sends an event to a
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
