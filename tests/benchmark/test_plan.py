"""The plan holds the forms that the machine computes without emulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.benchmark import plan
from encnet.benchmark.plan import planned_forms


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bool:
    """Whether the machine computes bf16 without emulation."""
    monkeypatch.setattr(plan, "cpu_computes_bf16", lambda: request.param)
    monkeypatch.setattr(plan, "resolve_precision", lambda *arguments: "bf16" if request.param else "fp32")
    return request.param


@pytest.mark.parametrize("native", [True], indirect=True)
def test_all_forms_are_planned_where_all_are_native(native: bool) -> None:
    planned, left_out = planned_forms(Path(), "cuda:0", compiled=True, calibrated=True)
    assert [form.name for form in planned] == [
        "PyTorch fp32 on cuda:0",
        "PyTorch bf16 on cuda:0",
        "torch.compile fp32 on cuda:0",
        "torch.compile bf16 on cuda:0",
        "ONNX Runtime fp32",
        "OpenVINO fp32",
        "OpenVINO bf16",
        "OpenVINO int8",
    ]
    assert left_out == []
    files = {form.name: form.file.name for form in planned}
    assert files["OpenVINO fp32"] == files["OpenVINO bf16"] == "model.xml"
    assert files["OpenVINO int8"] == "model-int8.xml"


@pytest.mark.parametrize("native", [False], indirect=True)
def test_emulated_and_uncalibrated_forms_are_named(native: bool) -> None:
    planned, left_out = planned_forms(Path(), "cpu", compiled=False, calibrated=False)
    assert [form.name for form in planned] == ["PyTorch fp32", "ONNX Runtime fp32", "OpenVINO fp32"]
    assert [entry.name for entry in left_out] == ["PyTorch bf16, OpenVINO bf16", "OpenVINO int8"]
    assert "emulation" in left_out[0].reason
