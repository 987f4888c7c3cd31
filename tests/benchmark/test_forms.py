"""Forms: their names, their runs, and what they import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import encnet
from encnet.benchmark.forms import Form


def test_names_tell_engine_precision_and_gpu() -> None:
    assert Form("openvino", "int8", "cpu", Path("model-int8.xml")).name == "OpenVINO int8"
    assert Form("pytorch", "bf16", "cuda:0", Path("model.safetensors")).name == "PyTorch bf16 on cuda:0"


def test_a_run_predicts_the_photographs(checkpoint: Path, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "photograph.png")
    run = Form("pytorch", "fp32", "cpu", checkpoint).prepare((2, 64, 96), [tmp_path / "photograph.png"])
    prediction: Any = run()
    expected = encnet.Predictor(checkpoint, device="cpu")(image).labels
    assert np.array_equal(prediction[0], np.stack([expected, expected]))


def test_forms_import_no_pytorch() -> None:
    program = "import sys; import encnet.benchmark.forms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
