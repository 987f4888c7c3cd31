"""One thread a test process: the tensors are small, and pytest-xdist runs one process a core."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
