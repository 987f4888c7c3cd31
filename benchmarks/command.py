"""The command `python -m benchmarks SUBJECT`: measures encnet beside rivals and plain forms, and prints a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.system.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

PROGRAM: str = "python -m benchmarks"

SUMMARY: str = "measures encnet beside rivals and plain forms, and prints a table"

SUBJECTS = {
    "layer": "the Encoding layer beside its expanded form",
    "inference": "prediction by every engine, beside rivals; without --variant two networks",
    "training": "a training step, beside rivals",
    "data": "reading training images",
    "check": "checking large photographs, beside decoding them alone",
    "growth": "prediction by number of pixels and classes, and the memory of a large image",
    "shared_context": "an image in shared-context tiles and by sliding window, beside the whole image",
    "resolution": "a trained network on images of several sizes, with and without scaled sums",
    "averaging": "a trained network with mirroring and scales, beside a single pass",
    "derived": "writes two data sets made from --dataset into --out; no measurement",
    "tutorial": "the tutorial form of EncNet, with its classifier at full resolution",
    "context": "what the context encoding is worth",
    "accuracy": "mean IoU for the same minutes of training, beside a library's decoders and without parts of encnet",
    "reliability": "what becomes of damaged and hostile input of each kind; writes the counts to --page",
    "fuzz": "readers of files, by inputs that atheris changes, which are kept in --out",
    "soak": "hours of training, prediction and the page at the same time, with their memory",
    "document": "measures nothing: writes --page from what the others left in --out",
}
"""Subject -> what it measures."""

RENAMED = {"seed": "tutorial", "tiles": "shared_context"}
"""Subjects of earlier versions -> their names now."""


def prepared(words: list[str]) -> list[str]:
    if words and words[0] in RENAMED:
        raise InputError(f"the benchmark {words[0]!r} is now `{PROGRAM} {RENAMED[words[0]]}`")
    return words


def add_arguments(parser: ArgumentParser) -> None:
    size, names = tuple[int, int] | None, list[str] | None
    parser.add_argument(
        "subject",
        choices=tuple(SUBJECTS),
        metavar="SUBJECT",
        help="; ".join(f"{name}: {meaning}" for name, meaning in SUBJECTS.items()),
    )
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for JSON and pictures")
    parser.add_argument("--repeats", type=int | None, default=None, help="timed runs of each form; none is 3 or 5")
    parser.add_argument(
        "--variant",
        type=str | None,
        default=None,
        help="inference, training, data, growth, shared_context: network",
    )
    parser.add_argument(
        "--classes",
        type=int | None,
        default=None,
        help="inference, training, growth, shared_context: number of classes; none is 150, for shared_context 11",
    )
    parser.add_argument(
        "--size",
        type=size,
        default=None,
        help="inference, training: [height,width], none is [512,512]; shared_context: none is [1440,1920];"
        " check: none is [3000,4000]",
    )
    parser.add_argument("--batch", type=int | None, default=None, help="inference, training, data: images at once")
    parser.add_argument("--engines", type=names, default=None, help="inference: [pytorch,compile,onnxruntime,openvino]")
    parser.add_argument(
        "--rivals", type=names, default=None, help="inference, training: [plain,smp]; smp needs the extra `rivals`"
    )
    parser.add_argument(
        "--peer_python",
        type=str | None,
        default=None,
        help="inference, training: the Python of an environment that has MMSegmentation, a further rival",
    )
    parser.add_argument(
        "--rival", type=str | None, default=None, help="inference, training: the form that times are compared with"
    )
    parser.add_argument(
        "--layouts", type=names, default=None, help="layer: memory layouts of the features, [channels last,contiguous]"
    )
    parser.add_argument(
        "--large", type=size, default=(4000, 6000), help="growth: size of the large image; null leaves it out"
    )
    parser.add_argument(
        "--dataset",
        type=str | None,
        default=None,
        help="data, resolution, averaging, derived, accuracy, soak: folder of a data set; without one, data and soak"
        " draw scenes",
    )
    parser.add_argument(
        "--photographs", type=int | None, default=None, help="check: number of photographs; none is 1000"
    )
    parser.add_argument("--limit", type=int | None, default=None, help="resolution, averaging: only so many images")
    parser.add_argument(
        "--checkpoint",
        type=str | None,
        default=None,
        help="resolution, averaging, shared_context: a trained network; shared_context also runs an untrained one",
    )
    parser.add_argument(
        "--photograph", type=str | None, default=None, help="shared_context: the image; none draws a scene"
    )
    parser.add_argument(
        "--oracle",
        type=str | None,
        default=None,
        help="tutorial: a Python file that defines ENCNet, which is executed and compared",
    )
    parser.add_argument("--seeds", type=int, default=3, help="context, accuracy: runs of each network")
    parser.add_argument(
        "--recipe", type=str, default="own_data_small", help="accuracy: recipe of all networks; soak: of the training"
    )
    parser.add_argument("--hours", type=float, default=2.0, help="soak: hours of work")
    parser.add_argument(
        "--minutes",
        type=list[float] | None,
        default=None,
        help="accuracy: minutes of training, on all threads, [15,60], none is [15]; fuzz: minutes of all, none is [60]",
    )
    parser.add_argument("--targets", type=names, default=None, help="fuzz: readers; none is all")
    parser.add_argument(
        "--networks", type=names, default=None, help="accuracy: networks; none is encnet and the library's decoders"
    )
    parser.add_argument("--epochs", type=int | None, default=None, help="context: epochs per run; none is the recipe's")
    parser.add_argument("--kinds", type=names, default=None, help="reliability: kinds of input; none is all")
    parser.add_argument("--number", type=int | None, default=None, help="reliability: cases of each kind")
    parser.add_argument("--seed", type=int, default=0, help="reliability: seed of the cases")
    parser.add_argument(
        "--page",
        type=str | None,
        default=None,
        help="document, reliability, fuzz, soak: the page to write; none is docs/performance.md or docs/reliability.md",
    )


def run(arguments: Any) -> int:
    def given(*names: str) -> dict[str, Any]:
        """The arguments of these names that were given."""
        return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}

    if arguments.subject == "layer":
        from benchmarks.layer import benchmark_layer

        benchmark_layer(arguments.out, **given("layouts", "repeats"))
    elif arguments.subject == "inference":
        from benchmarks.inference import benchmark_inference

        options = given("variant", "classes", "size", "batch", "repeats", "engines", "rivals", "peer_python", "rival")
        benchmark_inference(arguments.out, **options)
        if arguments.variant is None:  # the network for CPUs, at CamVid's size
            small = {"variant": "encnet_lite0", "classes": 11, "size": (360, 480)}
            benchmark_inference(arguments.out, **small, **given("batch", "repeats", "engines", "rivals"))
    elif arguments.subject == "training":
        from benchmarks.training import benchmark_training

        options = given("variant", "classes", "size", "batch", "repeats", "rivals", "peer_python", "rival")
        benchmark_training(arguments.out, **options)
    elif arguments.subject == "data":
        from benchmarks.data import benchmark_data

        benchmark_data(arguments.out, **given("dataset", "variant", "batch", "repeats"))
    elif arguments.subject == "check":
        from benchmarks.check import benchmark_check

        benchmark_check(arguments.out, **given("photographs", "size"))
    elif arguments.subject == "growth":
        from benchmarks.growth import benchmark_growth

        options = given("variant", "classes", "repeats")
        benchmark_growth(arguments.out, large=arguments.large, **options)
    elif arguments.subject == "shared_context":
        from benchmarks.shared_context import benchmark_shared_context

        options = given("checkpoint", "photograph", "variant", "classes", "size", "repeats")
        benchmark_shared_context(arguments.out, **options)
    elif arguments.subject in ("resolution", "averaging"):
        from benchmarks.averaging import benchmark_averaging
        from benchmarks.resolution import benchmark_resolution

        for name in ("checkpoint", "dataset"):
            if getattr(arguments, name) is None:
                raise InputError(f"--{name} is missing; `{arguments.subject}` scores a trained network on its data")
        measure = benchmark_resolution if arguments.subject == "resolution" else benchmark_averaging
        measure(arguments.out, arguments.checkpoint, arguments.dataset, **given("limit"))
    elif arguments.subject == "derived":
        from benchmarks.derived import write_derived

        if arguments.dataset is None:
            raise InputError("--dataset is missing; `derived` takes the photographs of a data set")
        for folder in write_derived(arguments.out, arguments.dataset):
            print(f"wrote {folder}")
    elif arguments.subject == "tutorial":
        from benchmarks.tutorial import benchmark_tutorial

        benchmark_tutorial(arguments.out, arguments.oracle, **given("repeats"))
    elif arguments.subject == "context":
        from benchmarks.context import benchmark_context

        benchmark_context(arguments.out, arguments.seeds, arguments.epochs)
    elif arguments.subject == "accuracy":
        from benchmarks.accuracy import benchmark_accuracy

        if arguments.dataset is None:
            raise InputError("--dataset is missing; `accuracy` trains on a data set with the splits train and val")
        options = given("recipe", "minutes", "networks", "seeds", "repeats")
        benchmark_accuracy(arguments.out, arguments.dataset, **options)
    elif arguments.subject in ("reliability", "fuzz", "soak"):
        from benchmarks.reliability.page import write_page

        page = arguments.page or "docs/reliability.md"
        if arguments.subject == "reliability":
            from benchmarks.reliability.run import benchmark_reliability

            benchmark_reliability(page, seed=arguments.seed, **given("kinds", "number"))
        elif arguments.subject == "fuzz":
            from benchmarks.fuzz.run import benchmark_fuzz

            minutes = {} if arguments.minutes is None else {"minutes": sum(arguments.minutes)}
            benchmark_fuzz(page, arguments.out, **minutes, **given("targets"))
        else:
            from benchmarks.soak import benchmark_soak

            benchmark_soak(page, **given("hours", "dataset", "recipe"))
        print(f"wrote {write_page(page)}")
    else:
        from benchmarks.document import write_document

        print(f"wrote {write_document(arguments.out, arguments.page or 'docs/performance.md')}")
    return 0
