import json
from typing import Any

import pytest

from encnet.checkpoint.create import create_model
from encnet.data.palette import distinct_palette
from encnet.inference.engines.description import Description
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError


def info(**fields: Any) -> ModelInfo:
    return ModelInfo(
        **{"variant": "encnet_tiny", "options": {"se": True}, "mean": [0.5] * 3, "std": [1.0] * 3, **fields}
    )


def test_a_model_determines_its_description() -> None:
    model = create_model("encnet_tiny", 4, align_corners=True)
    assert Description.of(model) == Description(model.info, 4, presence=True, align_corners=True)
    assert not Description.of(create_model("encnet_tiny", 4, se=False)).presence


def test_json_preserves_everything() -> None:
    described = Description(
        info(classes=["Bäume", 'the "road"'], palette=[[1, 2, 3], [4, 5, 6]], long_side=640, training={"epochs": 3}),
        num_classes=2,
        presence=False,
        align_corners=True,
        precision="int8",
    )
    assert Description.from_json(described.to_json(), "model.onnx") == described
    assert described.names == ("Bäume", 'the "road"')
    assert described.palette == ((1, 2, 3), (4, 5, 6))


def test_missing_names_and_colours_have_defaults() -> None:
    described = Description(info(), 3, presence=True, align_corners=False)
    assert described.names == ("class 0", "class 1", "class 2")
    assert described.palette == distinct_palette(3)


def changed(**fields: Any) -> str:
    return json.dumps({**json.loads(Description(info(), 3, True, False).to_json()), **fields})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged metadata"),
        ("3", "damaged metadata"),
        ("{}", "damaged metadata"),
        (changed(version=7), "version 7, but this encnet reads 1"),
        (changed(color="red"), "damaged metadata .*color"),
        (changed(info={"variant": "x"}), "damaged metadata"),
        (changed(info=None), "damaged metadata"),
        (changed(num_classes=2, info={**vars(info()), "classes": ["one"]}), "2 classes, but 1 class name"),
    ],
)
def test_damaged_metadata_is_an_error_that_names_the_file(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"model.onnx has .*{message}|model.onnx has {message}") as caught:
        Description.from_json(text, "model.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classes": ["one"]}, "3 classes, but 1 class name and 0 colours"),
        ({"palette": [[0, 0, 0]]}, "3 classes, but 0 class names and 1 colour"),
    ],
)
def test_descriptions_that_cannot_predict_are_errors(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Description(info(**fields), 3, presence=True, align_corners=False)
