"""Settings that an MMSegmentation file stores beside its tensors: config text, class names, palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from encnet.system.errors import InputError
from encnet.system.rules import is_integer, is_number
from encnet.system.text import quoted
from encnet.weights.config_text import look_up, read_config
from encnet.weights.sources import ForeignFile, Setting

_OUTPUT_STRIDES: dict[tuple[int, ...], int] = {(1, 2, 1, 1): 8, (1, 2, 2, 1): 16, (1, 2, 2, 2): 32}
"""Strides of the four stages -> output stride."""

_DILATIONS: dict[int, tuple[int, int]] = {8: (2, 4), 16: (1, 2), 32: (1, 1)}
"""Output stride -> the dilations of stages 3 and 4 that follow from it."""


class Normalisation(NamedTuple):
    """The normalisation of images that the network was trained with."""

    mean: list[float]  #: mean of red, green and blue, of values in 0-1
    std: list[float]  #: standard deviation, likewise
    bgr: bool  #: whether the network takes BGR images


def stored_config(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The config, whose text MMEngine stores under ``cfg`` and its predecessor under ``config``."""
    return read_config(meta.get("cfg") or meta.get("config"))


def stored_align_corners(meta: Mapping[str, Any], config: Mapping[str, Any]) -> object:
    """``align_corners`` of the head; None if the file does not say it."""
    in_config = look_up(config, "model", "decode_head", "align_corners")
    return meta.get("align_corners") if in_config is None else in_config


def require_one_convention(file: ForeignFile, config: Mapping[str, Any], corners: bool) -> None:
    """Checks that the neck interpolates as the head does.

    Args:
        file: the file, for the message.
        config: its config.
        corners: ``align_corners`` of the head.

    Raises:
        InputError: ``align_corners`` of the neck differs.
    """
    neck = look_up(config, "model", "neck", "align_corners")
    if neck is not None and neck != corners:
        raise InputError(
            f"{file.path} interpolates with align_corners {quoted(neck)} in its neck and {corners} in its head, but"
            " encnet has one convention for both; convert a network that uses one"
        )


def stride_settings(file: ForeignFile, config: Mapping[str, Any], jpu: bool) -> dict[str, Setting]:
    """Output stride and dilations, from the backbone of the config.

    Without a config they are those of all published models: stride 8, or with the JPU stride 32 and the dilations of
    stride 8.

    Raises:
        InputError: no ResNet here has these strides and dilations.
    """
    backbone = look_up(config, "model", "backbone")
    steps, rates = look_up(backbone, "strides"), look_up(backbone, "dilations")
    if steps is None and rates is None:
        published = {"output_stride": 32, "backbone_dilations": (2, 4)} if jpu else {"output_stride": 8}
        return {name: Setting(value, "convention") for name, value in published.items()}
    output_stride = next((stride for known, stride in _OUTPUT_STRIDES.items() if steps == list(known)), None)
    last = next((known for known in _DILATIONS.values() if rates == [1, 1, *known]), None)
    special = [name for name, value in (("multi_grid", None), ("style", "pytorch")) if _differs(backbone, name, value)]
    if output_stride is None or last is None or special:
        raise InputError(
            f"{file.path} has a backbone that encnet does not have, with strides {quoted(steps)}, dilations"
            f" {quoted(rates)}{''.join(f', {name} {quoted(look_up(backbone, name))}' for name in special)}; convert a"
            " network with strides 1, 2, 1, 1 and dilations 1, 1, 2, 4, PyTorch's style, without multi-grid"
        )
    settings: dict[str, Any] = {"output_stride": output_stride}
    if last != _DILATIONS[output_stride]:
        settings["backbone_dilations"] = last
    if look_up(backbone, "contract_dilation") is not True and last != (1, 1):
        settings["whole_stage_dilation"] = True
    return {name: Setting(value, "meta") for name, value in settings.items()}


def stored_normalisation(config: Mapping[str, Any]) -> Normalisation | None:
    """The normalisation of images; None if the config does not say it.

    Since MMEngine it is in the data preprocessor, where images are BGR by default; before, in ``img_norm_cfg``, where
    they are turned to RGB by default.
    """
    for place, to_rgb, default in (
        (look_up(config, "model", "data_preprocessor"), "bgr_to_rgb", False),
        (look_up(config, "data_preprocessor"), "bgr_to_rgb", False),
        (look_up(config, "img_norm_cfg"), "to_rgb", True),
    ):
        mean, std = look_up(place, "mean"), look_up(place, "std")
        if _is_numbers(mean) and _is_numbers(std):
            stored = place.get(to_rgb)
            rgb = stored if isinstance(stored, bool) else default
            order = slice(None) if rgb else slice(None, None, -1)
            # Rounded, as 123.675 / 255 differs from 0.485 in the last bits.
            mean, std = ([round(value / 255, 9) for value in values[order]] for values in (mean, std))
            return Normalisation(mean, std, bgr=not rgb)
    return None


def stored_classes(meta: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
    """Class names and palette, each empty if the file does not hold it.

    Since MMEngine they are in ``dataset_meta``; before, in ``CLASSES`` and ``PALETTE``.
    """
    places = [place for place in (meta.get("dataset_meta"), meta) if isinstance(place, dict)]

    def first(*keys: str) -> Sequence[Any]:
        values = (place.get(key) for place in places for key in keys)
        return next((value for value in values if isinstance(value, list | tuple)), ())

    return first("classes", "CLASSES"), first("palette", "PALETTE")


def stored_crop(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width of the training crops; None if the config does not say them."""
    crop = config.get("crop_size")
    if isinstance(crop, list) and len(crop) == 2 and all(is_integer(side) and 0 < side <= 10**6 for side in crop):
        return crop[0], crop[1]
    return None


def _differs(settings: Any, name: str, default: object) -> bool:
    return look_up(settings, name) not in (None, default)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(is_number, value))
