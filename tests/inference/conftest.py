"""Files in the form of `encnet export`, of a network that is easy to check: the class of a pixel is its colour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from encnet.inference.engines.description import Description
from encnet.inference.engines.openvino_core import openvino_core
from encnet.model.info import ModelInfo

STRIDE = 4
TOY = Description(
    ModelInfo("toy", {}, [0.0] * 3, [1.0] * 3, classes=["red", "green", "blue"], palette=[[9, 0, 0]] * 3),
    num_classes=3,
    presence=True,
    align_corners=False,
)


@pytest.fixture
def toy_onnx(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an .onnx file: logits are channel means over 4 x 4 pixels, presence over the image."""
    onnx = pytest.importorskip("onnx")

    def write(
        name: str = "toy.onnx",
        size: tuple[int | str, int | str] = ("H", "W"),
        metadata: str | None = TOY.to_json(),
        presence: bool = True,
    ) -> Path:
        helper, kinds = onnx.helper, onnx.TensorProto
        nodes = [
            helper.make_node("Cast", ["images"], ["floats"], to=kinds.FLOAT),
            helper.make_node("Transpose", ["floats"], ["channels"], perm=[0, 3, 1, 2]),
            helper.make_node("AveragePool", ["channels"], ["logits"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2),
        ]
        places = [side // STRIDE if isinstance(side, int) else f"{side}/{STRIDE}" for side in size]
        outputs = [helper.make_tensor_value_info("logits", kinds.FLOAT, ["N", 3, *places])]
        if presence:
            nodes += [
                helper.make_node("GlobalAveragePool", ["channels"], ["mean"]),
                helper.make_node("Flatten", ["mean"], ["flat"]),
                helper.make_node("Mul", ["flat", "scale"], ["presence"]),
            ]
            outputs.append(helper.make_tensor_value_info("presence", kinds.FLOAT, ["N", 3]))
        graph = helper.make_graph(
            nodes,
            "toy",
            [helper.make_tensor_value_info("images", kinds.UINT8, ["N", *size, 3])],
            outputs,
            [helper.make_tensor("scale", kinds.FLOAT, [], [1 / 255])] if presence else [],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        if metadata is not None:
            helper.set_model_props(model, {"encnet": metadata})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def toy_xml(toy_onnx: Callable[..., Path]) -> Callable[..., Path]:
    """The same as ``toy_onnx``, in the format of OpenVINO."""
    openvino = pytest.importorskip("openvino")

    def write(metadata: str | None = TOY.to_json(), **options: object) -> Path:
        path = toy_onnx(metadata=None, **options)
        model = openvino_core().read_model(path)
        if metadata is not None:
            model.set_rt_info(metadata, "encnet")
        openvino.save_model(model, path.with_suffix(".xml"), compress_to_fp16=False)
        return path.with_suffix(".xml")

    return write
