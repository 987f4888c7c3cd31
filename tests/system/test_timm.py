"""PyTorch's compiler stays unloaded until something calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.checkpoint.create import create_model

SCRIPT = """
import sys
from encnet.cli import main

assert main(["predict", *sys.argv[1:]]) == 0
import timm, torch, torchvision
assert "torch._dynamo" not in sys.modules, "a prediction has loaded the compiler"

from torchvision.ops import roi_align
boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]])
assert roi_align(torch.ones(1, 1, 8, 8), [boxes], 2).eq(1).all()
from torchvision.ops.roi_align import is_compile_supported
assert is_compile_supported("cpu") in (True, False)
import torch._dynamo.utils
assert hasattr(torch._dynamo.utils, "counters"), "the true module comes after the deferred one"

assert torch.compiler.disable.__module__ == "torch.compiler"
from encnet.system.timm import _disabled_when_called

@_disabled_when_called
def shifted(numbers, by=1):
    assert not torch.compiler.is_compiling(), "a function that was kept from the compiler is compiled"
    return numbers + by

assert shifted(torch.zeros(2), by=3).eq(3).all()
assert torch.compile(lambda numbers: shifted(numbers.cos()), backend="eager")(torch.zeros(2)).eq(2).all()
"""


WANTS_MORE = """
import sys
import torch
from encnet.system.timm import compiler_on_demand
assert "torch._dynamo" not in sys.modules
with compiler_on_demand():
    from torch._dynamo.utils import counters, is_compile_supported
    inner = torch.compiler.disable(recursive=False)(lambda: torch.compiler.is_compiling())
import torch._dynamo
assert torch._dynamo.utils.counters is counters
assert inner() is False
"""


def test_libraries_that_want_more_of_the_compiler_get_the_true_one() -> None:
    run = subprocess.run([sys.executable, "-c", WANTS_MORE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_prediction_needs_no_compiler_and_what_it_defers_works_later(tmp_path: Path) -> None:
    create_model("encnet_lite0", 2).save(tmp_path / "model.safetensors")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "image.png")
    command = [sys.executable, "-c", SCRIPT, tmp_path / "model.safetensors", tmp_path / "image.png"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
