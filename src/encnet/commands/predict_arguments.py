"""The arguments of `encnet predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encnet.commands.command import add_engine, add_overwrite, with_protocol_first

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


def add_arguments(parser: ArgumentParser) -> None:
    """Declares them."""
    from encnet.inference.protocols.protocol import Protocol

    parser.add_argument(
        "checkpoint",
        type=str,
        help="a checkpoint, the folder of a training run, or an exported model: .onnx, .xml or .pt2",
    )
    parser.add_argument("images", type=str, nargs="+", help="images, videos, GeoTIFFs; folders of them, or globs")
    parser.add_argument("--out", type=str, default="predictions", help="folder for label maps, overlays and presence")
    add_overwrite(parser)
    parser.add_argument(
        "--resume",
        type=bool,
        default=False,
        help="go on where an earlier run with the same settings stopped: files that have their results are left alone",
    )
    parser.add_argument(
        "--share",
        type=str | None,
        default=None,
        help="predict a part of the files, 2/4 for the second of four, so that processes and machines share a folder",
    )
    parser.add_argument("--overlay", type=bool, default=True, help="write overlays too")
    parser.add_argument("--opacity", type=float, default=0.5, help="opacity of the overlay colours, 0 to 1")
    parser.add_argument(
        "--clear", type=list[str], default=[], help="classes that overlays leave without colour: [background]"
    )
    parser.add_argument(
        "--areas",
        type=bool,
        default=False,
        help="also write areas.csv: pixels, share and square metres of each class in each photograph and raster",
    )
    parser.add_argument(
        "--confidence",
        type=bool,
        default=False,
        help="photographs: also write the probability of each pixel's class, as grey levels from 0 to 255",
    )
    parser.add_argument(
        "--probabilities",
        type=bool,
        default=False,
        help="photographs: also write the probabilities of all classes, as arrays for NumPy",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        help="models of two classes: the probability from which a pixel has the second class",
    )
    parser.add_argument("--batch_size", type=int, default=4, help="images of equal size that are predicted together")
    parser.add_argument(
        "--rank",
        type=bool,
        default=False,
        help="also write ranking.json, and list the images in which pixels and presence disagree most",
    )
    parser.add_argument("--frames", type=bool, default=False, help="videos: also write each label map as a PNG")
    parser.add_argument(
        "--context_memory",
        type=float,
        default=0.0,
        help="videos: weight of previous frames in the context of each frame, 0.9 for example; 0 uses each frame alone",
    )
    parser.add_argument(
        "--raster",
        type=bool | None,
        default=None,
        help="read the files as rasters, window by window, with anything rasterio opens; none does so for TIFFs that"
        " are georeferenced, very large, or have bands or numbers that the model does not read as a photograph, and for"
        " photographs with too many pixels for Pillow",
    )
    parser.add_argument(
        "--bands",
        type=tuple[int, ...],
        default=None,
        help="the bands that the network sees, 4,3,2 for example; none takes those of the training",
    )
    parser.add_argument(
        "--value_range",
        type=tuple[float, float],
        default=None,
        help="the values that become 0 and 255, 0,3000 for example; none takes those of the training",
    )
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def prepared(words: list[str]) -> list[str]:
    """The words of the command line, with a protocol's name before its numbers."""
    return with_protocol_first(words)
