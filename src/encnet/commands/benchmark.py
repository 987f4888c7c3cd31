"""`encnet benchmark`: measures, and prints a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "measures speed and memory beside rivals, and prints a table"

SUBJECTS = {
    "layer": "the Encoding layer beside its expanded form",
    "inference": "prediction by every engine, beside rivals; without --variant two networks",
    "training": "a training step, beside rivals",
    "data": "reading training images",
    "growth": "prediction by number of pixels and classes, and the memory of a large image",
    "tiles": "an image in tiles with one context beside the whole image",
    "resolution": "a trained network on images of several sizes, with and without scaled sums",
    "seed": "the classifier at full resolution",
    "context": "what the context encoding is worth",
    "document": "measures nothing: writes --page from what the others left in --out",
}


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    size, names = tuple[int, int] | None, list[str] | None
    parser.add_argument(
        "subject",
        type=Literal[
            "layer", "inference", "training", "data", "growth", "tiles", "resolution", "seed", "context", "document"
        ],
        help="; ".join(f"{name}: {meaning}" for name, meaning in SUBJECTS.items()),
    )
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for JSON and pictures")
    parser.add_argument("--repeats", type=int | None, default=None, help="timed runs of each form; none is 3 or 5")
    parser.add_argument(
        "--variant", type=str | None, default=None, help="inference, training, data, growth, tiles: the network"
    )
    parser.add_argument(
        "--classes", type=int | None, default=None, help="inference, training, growth: how many, 150; tiles: 11"
    )
    parser.add_argument(
        "--size", type=size, default=None, help="inference, training: [height,width], [512,512]; tiles: [1440,1920]"
    )
    parser.add_argument("--batch", type=int | None, default=None, help="inference, training, data: images at once")
    parser.add_argument("--engines", type=names, default=None, help="inference: [pytorch,compile,onnxruntime,openvino]")
    parser.add_argument(
        "--rivals", type=names, default=None, help="inference, training: [plain,smp]; smp wants the extra `rivals`"
    )
    parser.add_argument(
        "--peer_python",
        "--peer-python",
        type=str | None,
        default=None,
        help="inference, training: the Python of an environment that has MMSegmentation, a further rival",
    )
    parser.add_argument(
        "--rival", type=str | None, default=None, help="inference, training: the one that times are compared with"
    )
    parser.add_argument(
        "--layout", type=str | None, default=None, help="layer: channels last or contiguous, in memory; none is both"
    )
    parser.add_argument("--large", type=size, default=(4000, 6000), help="growth: the large image; null leaves it out")
    parser.add_argument(
        "--dataset",
        type=str | None,
        default=None,
        help="data, resolution: folder of a data set; data takes scenes without one",
    )
    parser.add_argument("--limit", type=int | None, default=None, help="resolution: only so many images")
    parser.add_argument(
        "--checkpoint",
        type=str | None,
        default=None,
        help="resolution, tiles: a trained network; tiles takes an untrained one without",
    )
    parser.add_argument("--photograph", type=str | None, default=None, help="tiles: the image; none draws one")
    parser.add_argument(
        "--oracle", type=str | None, default=None, help="seed: a Python file that defines ENCNet, executed and compared"
    )
    parser.add_argument("--seeds", type=int, default=3, help="context: runs of each network")
    parser.add_argument("--epochs", type=int | None, default=None, help="context: of each run; none is the recipe's")
    parser.add_argument("--page", type=str, default="docs/performance.md", help="document: the page to write")


def run(arguments: Any) -> int:
    def given(*names: str) -> dict[str, Any]:
        """Those of these arguments that were given."""
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}

    if arguments.subject == "layer":
        from encnet.benchmark.layer import benchmark_layer

        layouts = {} if arguments.layout is None else {"layouts": (arguments.layout,)}
        benchmark_layer(arguments.out, **layouts, **given("repeats"))
    elif arguments.subject == "inference":
        from encnet.benchmark.inference import benchmark_inference

        options = given("variant", "classes", "size", "batch", "repeats", "engines", "rivals", "peer_python", "rival")
        benchmark_inference(arguments.out, **options)
        if arguments.variant is None:  # the network for CPUs, at CamVid's size
            small = {"variant": "encnet_lite0", "classes": 11, "size": (360, 480)}
            benchmark_inference(arguments.out, **small, **given("batch", "repeats", "engines", "rivals"))
    elif arguments.subject == "training":
        from encnet.benchmark.training import benchmark_training

        options = given("variant", "classes", "size", "batch", "repeats", "rivals", "peer_python", "rival")
        benchmark_training(arguments.out, **options)
    elif arguments.subject == "data":
        from encnet.benchmark.data import benchmark_data

        benchmark_data(arguments.out, **given("dataset", "variant", "batch", "repeats"))
    elif arguments.subject == "growth":
        from encnet.benchmark.growth import benchmark_growth

        options = given("variant", "classes", "repeats")
        benchmark_growth(arguments.out, large=arguments.large, **options)
    elif arguments.subject == "tiles":
        from encnet.benchmark.tiles import benchmark_tiles

        options = given("checkpoint", "photograph", "variant", "classes", "size", "repeats")
        benchmark_tiles(arguments.out, **options)
    elif arguments.subject == "resolution":
        from encnet.benchmark.resolution import benchmark_resolution

        for name in ("checkpoint", "dataset"):
            if getattr(arguments, name) is None:
                raise InputError(f"--{name} is missing; `resolution` scores a trained network on its data")
        benchmark_resolution(arguments.out, arguments.checkpoint, arguments.dataset, **given("limit"))
    elif arguments.subject == "seed":
        from encnet.benchmark.seed import benchmark_seed

        benchmark_seed(arguments.out, arguments.oracle, **given("repeats"))
    elif arguments.subject == "context":
        from encnet.benchmark.context import benchmark_context

        benchmark_context(arguments.out, arguments.seeds, arguments.epochs)
    else:
        from encnet.benchmark.document import write_document

        print(f"wrote {write_document(arguments.out, arguments.page)}")
    return 0
