"""The readers that are fuzzed: what each reads, from which sound inputs it starts, and what it does with one."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from safetensors.torch import save

from benchmarks.reliability import descriptions, exports
from benchmarks.reliability.checkpoints import packed
from benchmarks.reliability.sound import small_model, write_image
from encnet.checkpoint.loading import load
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.labelling.importing import import_labels
from encnet.export.run import export_model
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.predictor import Predictor
from encnet.weights.config_text import read_config
from encnet.weights.convert import convert_file
from encnet.weights.mmseg_config import stored_classes, stored_crop, stored_normalisation, stride_settings
from encnet.weights.sources import Answers, ForeignFile

Attempt = Callable[[bytes], None]
"""Reads an input; raises InputError where it is wrong."""


class Target(NamedTuple):
    """A reader."""

    meaning: str  #: what it reads
    prepare: Callable[[Path], tuple[list[bytes], Attempt]]  #: empty folder -> sound inputs, and the attempt
    longest: int = 4096  #: bytes of an input


def _checkpoint(folder: Path) -> tuple[list[bytes], Attempt]:
    path = folder / "model.safetensors"
    small_model().save(path)

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        load(path)

    return [path.read_bytes()], attempt


def _metadata(folder: Path) -> tuple[list[bytes], Attempt]:
    path = folder / "model.safetensors"
    small_model().save(path)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, tensors = json.loads(content[8 : 8 + size]), content[8 + size :]
    sound = header["__metadata__"]["info"].encode()

    def attempt(text: bytes) -> None:
        header["__metadata__"]["info"] = text.decode("utf-8", "surrogateescape")
        path.write_bytes(packed(header, tensors))
        load(path)

    return [sound], attempt


def _description(folder: Path) -> tuple[list[bytes], Attempt]:
    def attempt(text: bytes) -> None:
        read = Description.from_json(text.decode("utf-8", "replace"), "model.onnx")
        assert len(read.names) == len(read.palette) == read.num_classes

    return [Description.of(small_model()).to_json().encode()], attempt


def _exported(suffix: str) -> Callable[[Path], tuple[list[bytes], Attempt]]:
    """An exported file, opened and run."""

    def prepare(folder: Path) -> tuple[list[bytes], Attempt]:
        path = folder / f"model{suffix}"
        export_model(small_model(), path)
        pixels = np.zeros((32, 40, 3), np.uint8)

        def attempt(content: bytes) -> None:
            path.write_bytes(content)
            Predictor(path)(pixels)

        return [path.read_bytes()], attempt

    return prepare


def _graph(folder: Path) -> tuple[list[bytes], Attempt]:
    """The graph of an .onnx file without its weights, which are most of its bytes."""
    path = folder / "model.onnx"
    export_model(small_model(), path)
    model = onnx.load(path)
    described = next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY)
    tiny = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["" : 18]>
        g (uint8[N, H, W, 3] images) => (float[N, 3, h, w] logits, float[N, 3] presence) {
            floats = Cast <to: int = 1> (images)
            logits = Transpose <perm: ints = [0, 3, 1, 2]> (floats)
            mean = GlobalAveragePool (logits)
            flat = Flatten (mean)
            presence = Sigmoid (flat)
        }"""
    )
    fields = json.loads(described)
    fields["info"]["long_side"] = None
    onnx.helper.set_model_props(tiny, {METADATA_KEY: json.dumps(fields)})
    pixels = np.zeros((32, 40, 3), np.uint8)

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        Predictor(path)(pixels)

    return [tiny.SerializeToString()], attempt


def _converted(suffix: str, *sound: bytes) -> Callable[[Path], tuple[list[bytes], Attempt]]:
    """A checkpoint of another code base."""

    def prepare(folder: Path) -> tuple[list[bytes], Attempt]:
        path = folder / f"foreign{suffix}"

        def attempt(content: bytes) -> None:
            path.write_bytes(content)
            convert_file(path, folder / "out.safetensors", Answers(align_corners=False), overwrite=True)

        return list(sound), attempt

    return prepare


def _pickled(folder: Path) -> tuple[list[bytes], Attempt]:
    """The pickle in an archive of PyTorch; the archive itself is sound."""
    stored = io.BytesIO()
    torch.save({"state_dict": {"a.weight": torch.ones(2, 3)}, "meta": {"CLASSES": ["road"], "cfg": "a = 1"}}, stored)
    with zipfile.ZipFile(stored) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = next(name for name in entries if name.endswith("data.pkl"))
    path = folder / "foreign.pth"

    def attempt(content: bytes) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for entry, stored in {**entries, name: content}.items():
                archive.writestr(entry, stored)
        convert_file(path, folder / "out.safetensors", Answers(align_corners=False), overwrite=True)

    return [entries[name]], attempt


def _config(folder: Path) -> tuple[list[bytes], Attempt]:
    """The text of a config in a checkpoint of MMSegmentation; of a network that would fit."""
    sound = (
        "norm_cfg = dict(type='BN', requires_grad=True)\ncrop_size = (512, 512)\n"
        "img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)\n"
        "model = dict(backbone=dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), norm_cfg=norm_cfg),\n"
        "    decode_head=dict(align_corners=False), data_preprocessor=dict(mean=[1, 2, 3], std=[1, 2, 3]))\n"
    )
    file = ForeignFile(folder / "foreign.pth", {}, {})

    def attempt(text: bytes) -> None:
        config = read_config(text.decode("utf-8", "surrogateescape"))
        stored_normalisation(config)
        stored_crop(config)
        stored_classes({"CLASSES": config.get("crop_size"), "PALETTE": config.get("norm_cfg")})
        stride_settings(file, config, False)

    return [sound.encode()], attempt


def _dataset_yaml(folder: Path) -> tuple[list[bytes], Attempt]:
    descriptions.prepare(folder)
    root = folder / "data"
    documents = (descriptions.DOCUMENT, descriptions.COLOURS, descriptions.SHARES)
    sound = [json.dumps(document).encode() for document in documents]
    sound += [text.encode("utf-8", "surrogatepass") for text in descriptions.TEXTS if len(text) < 4096]

    def attempt(content: bytes) -> None:
        (root / "dataset.yaml").write_bytes(content)
        check_dataset(read_dataset(root), cache=folder / "cache")

    return sound, attempt


def _labelled(format: str, file: str, *sound: bytes) -> Callable[[Path], tuple[list[bytes], Attempt]]:
    """The export of a labelling tool."""

    def prepare(folder: Path) -> tuple[list[bytes], Attempt]:
        root, out = folder / "export", folder / "out"
        (root / file).parent.mkdir(parents=True)
        place = root
        if format == "yolo":
            place = root / "images/train"
            place.mkdir(parents=True)
            (root / "data.yaml").write_text(json.dumps({"train": "images/train", "names": ["lawn", "path"]}))
        for number in (1, 2) if format == "coco" else (1,):
            write_image(place / f"{number}.png")

        def attempt(content: bytes) -> None:
            (root / file).write_bytes(content)
            try:
                import_labels(root, out, format)
            finally:
                shutil.rmtree(out, ignore_errors=True)

        return list(sound), attempt

    return prepare


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


_WEIGHTS = {"a.weight": torch.ones(2, 3), "b.bias": torch.zeros(3)}
_NAMED = {name: tensor.numpy() for name, tensor in _WEIGHTS.items()}

TARGETS: dict[str, Target] = {
    "checkpoint": Target("a checkpoint of encnet, from its first byte", _checkpoint, 400_000),
    "metadata": Target("the JSON in a checkpoint of encnet whose tensors are sound", _metadata),
    "description": Target("the JSON in an exported file", _description),
    "graph": Target("an .onnx file with a small graph, opened and run", _graph, 8192),
    "onnx": Target("an .onnx file of `encnet export`, opened and run", _exported(".onnx"), 400_000),
    "xml": Target("an .xml file of `encnet export` beside its .bin, opened and run", _exported(".xml"), 400_000),
    "pdparams": Target("a .pdparams file for `encnet convert`", _converted(".pdparams", pickle.dumps(_NAMED, 4))),
    "safetensors": Target(
        "a foreign .safetensors file for `encnet convert`", _converted(".safetensors", save(_WEIGHTS))
    ),
    "pickled": Target("the pickle in a .pth file for `encnet convert`", _pickled),
    "config": Target("the text of a config in a checkpoint of MMSegmentation", _config),
    "dataset_yaml": Target("a `dataset.yaml` for `encnet check`", _dataset_yaml),
    "coco": Target(
        "COCO's JSON for `encnet import-labels`", _labelled("coco", "c.json", json.dumps(exports.COCO).encode())
    ),
    "labelme": Target("labelme's JSON", _labelled("labelme", "1.json", _json(exports.LABELME))),
    "label_studio": Target("Label Studio's JSON", _labelled("label_studio", "e.json", _json(exports.LABEL_STUDIO))),
    "cvat": Target("CVAT's XML", _labelled("cvat", "a.xml", exports.CVAT.encode())),
    "yolo": Target("YOLO's lines", _labelled("yolo", "labels/train/1.txt", exports.YOLO.encode())),
}
"""Name -> a reader."""
