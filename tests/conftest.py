"""What all tests share: one thread a test process, and small copies of published data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from official_layouts import MAKERS

torch.set_num_threads(1)  # the tensors are small, and pytest-xdist runs one process a core


@pytest.fixture
def official_layout(tmp_path: Path) -> Callable[..., Path]:
    """(format name, options of its ``make_*``) -> folder of a small copy of that data set in its official layout."""
    return lambda name, **options: MAKERS[name](tmp_path / name, **options)
