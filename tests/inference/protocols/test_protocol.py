"""The settings of protocols, their checks and descriptions, and what a model completes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import NAMED, Protocol
from encnet.inference.protocols.sliding_window import segment
from encnet.system.errors import InputError


@pytest.fixture(scope="module")
def model() -> EncNet:
    torch.manual_seed(0)
    return create_model("encnet_tiny", num_classes=3, align_corners=True).eval()


def trained(model: EncNet, **training: Any) -> EncNet:
    model.info.training = training
    return model


def test_the_training_completes_a_protocol(model: EncNet) -> None:
    model = trained(model, crop=[32, 48], base_size=40)
    assert Predictor(model, "pytorch-encoding").protocol == replace(
        NAMED["pytorch-encoding"], crop=(32, 48), long_side=40
    )
    assert Predictor(model, "mmseg-slide").protocol == replace(NAMED["mmseg-slide"], crop=(32, 48))
    assert Predictor(model, Protocol("sliding", (8, 8))).protocol.crop == (8, 8)
    assert Predictor(model).protocol == Protocol()
    assert Predictor(model, replace(NAMED["pytorch-encoding"], long_side=50)).protocol.long_side == 50


def test_sides_of_a_protocol_replace_the_long_side_of_the_model(model: EncNet) -> None:
    info = replace(model.info, long_side=64, training={"crop": [32, 32]})
    assert NAMED["pytorch-encoding"].for_model(info).long_side == 64
    assert NAMED["mmseg"].for_model(info).long_side is None
    sizes = []
    handle = model.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[-2:])))
    model.info.long_side = 64
    try:
        protocols = (Protocol(), Protocol(long_side=40), Protocol(short_side=40), Protocol(scales=(0.5,)))
        predictors = [Predictor(model, protocol, device="cpu") for protocol in protocols]
        sizes.clear()
        for predictor in predictors:
            predictor.probabilities(torch.zeros(1, 3, 24, 48, dtype=torch.uint8))
    finally:
        handle.remove()
        model.info.long_side = None
    assert sizes == [(32, 64), (20, 40), (40, 80), (16, 32)]


@pytest.mark.parametrize(
    ("training", "name", "argument"),
    [
        ({}, "mmseg-slide", "protocol.crop"),
        ({}, "pytorch-encoding", "protocol.crop"),
        ({"crop": [8, 8]}, "pytorch-encoding-single", "protocol.long_side"),
    ],
)
def test_a_value_that_the_checkpoint_does_not_contain_is_required(
    training: dict[str, Any], name: str, argument: str, model: EncNet
) -> None:
    with pytest.raises(InputError, match=f"{argument} is None, and the checkpoint does not contain") as caught:
        Predictor(trained(model, **training), name)
    assert caught.value.argument == argument
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_answered_with_the_names_there_are(model: EncNet) -> None:
    with pytest.raises(
        InputError, match=r"there is no protocol 'fastest'; choose one of plain, tiled, mmseg"
    ) as caught:
        Predictor(model, "fastest")
    assert caught.value.argument == "protocol"


def test_sliding_windows_need_a_crop(model: EncNet) -> None:
    with pytest.raises(InputError, match=r"protocol\.crop is None") as caught:
        segment(model, torch.zeros(1, 3, 8, 8), Protocol("sliding"))
    assert caught.value.argument == "protocol.crop"


def test_changes_of_a_named_protocol_are_listed() -> None:
    assert all(protocol.name == name and protocol.changed == () for name, protocol in NAMED.items())
    changed = replace(NAMED["pytorch-encoding"], crop=(9, 9), long_side=20, scales=(1.0,), flip=False)
    assert changed.changed == ("scales", "flip")
    assert changed.describe().startswith(
        "pytorch-encoding (changed: scales, flip): windows of 9 x 9, 6 x 6 pixels apart"
    )


@pytest.mark.parametrize(
    ("sides", "scale", "expected"),
    [
        ((520, None), 1.0, (390, 520)),
        ((520, None), 0.75, (293, 390)),  # 292.5, rounded up
        ((769, None), 1.25, (722, 962)),  # ⌈961.25⌉, and 721.5 rounded up
        ((2048, 512), 1.0, (512, 683)),
        ((600, 512), 1.0, (450, 600)),
        ((None, 512), 1.0, (512, 683)),
        ((None, 512), 0.5, (256, 341)),
        ((None, None), 0.5, (300, 400)),
    ],
)
def test_sizes_follow_the_sides_and_the_scale(
    sides: tuple[int | None, int | None], scale: float, expected: tuple[int, int]
) -> None:
    protocol = Protocol(long_side=sides[0], short_side=sides[1])
    assert protocol.size(600, 800, scale) == expected
    assert protocol.size(800, 600, scale) == expected[::-1]


def test_sizes_are_rounded_as_in_mmsegmentation() -> None:
    assert Protocol().size(99, 101, 0.75) == (74, 75)  # 74.25 and 75.75 are 74 and 76, and 101 · 74 / 99 is 75.5
    assert Protocol(long_side=2049, short_side=1025).size(1024, 2048, 1) == (1025, 2049)
    assert Protocol().size(1, 1, 0.25) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "tiles"}, "protocol.mode is tiles"),
        ({"edge": "cut"}, "protocol.edge is cut"),
        ({"resize": "nearest"}, "resize"),
        ({"absent_classes": "one"}, "absent_classes"),
        ({"long_side": 0}, "long_side"),
        ({"short_side": -1}, "short_side"),
        ({"name": "best"}, "protocol.name is best; it must be one of plain, tiled, mmseg"),
        ({"crop": (0, 4)}, "crop"),
        ({"stride": 0}, "stride"),
        ({"stride": 1.5}, "stride"),
        ({"scales": ()}, "scales"),
        ({"scales": (1, -1)}, "scales"),
        ({"average": "mean"}, "average"),
    ],
)
def test_a_setting_out_of_range_is_an_error_that_names_it(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Protocol(**wrong)


protocols = st.builds(
    Protocol,
    mode=st.sampled_from(["whole", "sliding"]),
    crop=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stride=st.sampled_from([0.3, 2 / 3, 1.0]),
    edge=st.sampled_from(["shift", "pad"]),
    scales=st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=2).map(tuple),
    flip=st.booleans(),
    average=st.sampled_from(["softmax", "exp"]),
    resize=st.sampled_from(["antialias", "bilinear", "model"]),
)


@given(protocols)
def test_the_json_rebuilds_the_protocol(protocol: Protocol) -> None:
    values = json.loads(json.dumps(protocol.to_dict()))
    values |= {"crop": tuple(values["crop"]), "scales": tuple(values["scales"])}
    assert tuple(values.pop("changed")) == protocol.changed
    assert Protocol(**values) == protocol


def test_descriptions_of_different_protocols_differ() -> None:
    variants = [
        Protocol(),
        Protocol("sliding", (480, 480)),
        Protocol("sliding", (480, 480), edge="pad"),
        Protocol("sliding", (480, 480), stride=0.5),
        Protocol(scales=(0.5, 1.0)),
        Protocol(flip=True),
        Protocol(average="exp", flip=True),
        Protocol(long_side=640),
        Protocol(short_side=640),
        Protocol(resize="bilinear"),
        Protocol(absent_classes="zero"),
        Protocol(name="mmseg"),
    ]
    lines = [protocol.describe() for protocol in variants]
    assert len(set(lines)) == len(lines)
    assert all("\n" not in line for line in lines)
    assert "480 x 480" in lines[1]
