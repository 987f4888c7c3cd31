"""What an MMSegmentation file says beside its tensors: config text, class names, palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from encnet.errors import InputError
from encnet.weights.config_text import look_up, read_config
from encnet.weights.sources import ForeignFile, Setting

_OUTPUT_STRIDES = {(1, 2, 1, 1): 8, (1, 2, 2, 1): 16, (1, 2, 2, 2): 32}
"""Strides of the stages -> output stride."""

_DILATIONS = {8: (2, 4), 16: (1, 2), 32: (1, 1)}
"""Output stride -> dilations of stages 3 and 4 that follow from it."""


class Normalisation(NamedTuple):
    """How the network's images are prepared."""

    mean: list[float]  #: in RGB order, of values in 0-1
    std: list[float]  #: likewise
    bgr: bool  #: whether the network takes BGR


def config_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """The config, whose text MMEngine keeps under ``cfg`` and its forerunner under ``config``."""
    return read_config(meta.get("cfg") or meta.get("config"))


def said_align_corners(meta: Mapping[str, Any], config: Mapping[str, Any]) -> object:
    """``align_corners`` of the head; None where nothing says it."""
    said = look_up(config, "model", "decode_head", "align_corners")
    return meta.get("align_corners") if said is None else said


def require_one_convention(file: ForeignFile, config: Mapping[str, Any], corners: bool) -> None:
    """Raises InputError where the neck interpolates in another way than the head, ``corners``."""
    neck = look_up(config, "model", "neck", "align_corners")
    if neck is not None and neck != corners:
        raise InputError(
            f"{file.path} interpolates with align_corners {neck} in its neck and {corners} in its head, which encnet "
            "does not; convert a network that has one convention"
        )


def strides(file: ForeignFile, config: Mapping[str, Any], jpu: bool) -> dict[str, Setting]:
    """Output stride and dilations, from the config's backbone; without one, those of everything that was published:
    stride 8, and with the JPU stride 32 that keeps the dilations of stride 8.

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
            f"{file.path} has a backbone of strides {steps} and dilations {rates}{' and ' if special else ''}"
            f"{' and '.join(special)} that encnet does not have; convert one of strides 1, 2, 1, 1 and dilations "
            "1, 1, 2, 4, PyTorch's style, without multi-grid"
        )
    settings: dict[str, Any] = {"output_stride": output_stride}
    if last != _DILATIONS[output_stride]:
        settings["backbone_dilations"] = last
    if look_up(backbone, "contract_dilation") is not True and last != (1, 1):
        settings["whole_stage_dilation"] = True
    return {name: Setting(value, "meta") for name, value in settings.items()}


def said_normalisation(config: Mapping[str, Any]) -> Normalisation | None:
    """Of the data preprocessor since MMEngine, whose images stay BGR unless it says otherwise; of img_norm_cfg before,
    which turns them to RGB unless it says otherwise."""
    for place, to_rgb, default in (
        (look_up(config, "model", "data_preprocessor"), "bgr_to_rgb", False),
        (look_up(config, "data_preprocessor"), "bgr_to_rgb", False),
        (look_up(config, "img_norm_cfg"), "to_rgb", True),
    ):
        mean, std = look_up(place, "mean"), look_up(place, "std")
        if _is_numbers(mean) and _is_numbers(std):
            said = place.get(to_rgb)
            rgb = said if isinstance(said, bool) else default
            order = slice(None) if rgb else slice(None, None, -1)
            # Rounded: 123.675 / 255 is 0.485 but for the last bits.
            mean, std = ([round(value / 255, 9) for value in values[order]] for values in (mean, std))
            return Normalisation(mean, std, bgr=not rgb)
    return None


def said_classes(meta: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[Sequence[int]]]:
    """Names and palette: in ``dataset_meta`` since MMEngine, in ``CLASSES`` and ``PALETTE`` before; else empty."""
    places = [place for place in (meta.get("dataset_meta"), meta) if isinstance(place, dict)]
    found: list[Any] = []
    for keys in (("classes", "CLASSES"), ("palette", "PALETTE")):
        values = (place.get(key) for place in places for key in keys)
        found.append(next((value for value in values if isinstance(value, list | tuple)), ()))
    return found[0], found[1]


def said_crop(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width of the training crops."""
    crop = config.get("crop_size")
    if isinstance(crop, list) and len(crop) == 2 and all(isinstance(side, int) and side > 0 for side in crop):
        return crop[0], crop[1]
    return None


def _differs(settings: Any, name: str, usual: object) -> bool:
    return look_up(settings, name) not in (None, usual)


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(isinstance(number, int | float) for number in value)
