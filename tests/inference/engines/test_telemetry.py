"""Using OpenVINO sends no telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from encnet.inference.engines.telemetry import PACKAGE, no_telemetry


@pytest.mark.parametrize(
    "module", ["encnet.inference.engines.openvino", pytest.param("encnet.export.quantization", marks=pytest.mark.slow)]
)
def test_importing_writes_no_identifier_and_does_not_load_the_telemetry_package(module: str, tmp_path: Path) -> None:
    program = f"""
import sys, {module}
from encnet.export.openvino import read_onnx
try:
    read_onnx("no_model.onnx")
except RuntimeError:
    pass
assert "openvino" in sys.modules
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    # In continuous integration the package does nothing anyway; these variables would hide a failure.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    subprocess.run([sys.executable, "-c", program], env={**environment, **home}, check=True)
    assert not (tmp_path / "intel").exists()


def test_an_earlier_import_of_the_package_is_restored() -> None:
    sys.modules[PACKAGE] = sys
    try:
        with no_telemetry(), pytest.raises(ImportError):
            __import__(PACKAGE)
        assert sys.modules[PACKAGE] is sys
    finally:
        del sys.modules[PACKAGE]
    with no_telemetry():
        pass
    assert PACKAGE not in sys.modules
