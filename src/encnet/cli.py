"""The command line: one verb a job. A verb's libraries are imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from encnet.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

INTERRUPTED = 130
WRONG_INPUT = 2


class Verb(NamedTuple):
    """A job: what it is, its arguments, and what does it with the parsed ones."""

    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Any], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``encnet VERB ...``; returns the exit status: 0, 2 for wrong input, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else WRONG_INPUT
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"encnet {version('encnet')}")
        return 0
    try:
        if arguments[0] not in VERBS:
            raise InputError(f"there is no verb {arguments[0]!r}; choose one of {', '.join(VERBS)}")
        verb = VERBS[arguments[0]]
        return verb.run(_parse(arguments[0], verb, arguments[1:]))
    except InputError as error:
        print(f"encnet: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("encnet: interrupted", file=sys.stderr)
        return INTERRUPTED


def _overview() -> str:
    verbs = "\n".join(f"  {name:10} {verb.summary}" for name, verb in VERBS.items())
    return f"encnet VERB ...: semantic segmentation that knows its scene\n\n{verbs}\n\n`encnet VERB --help` says more."


def _parse(name: str, verb: Verb, arguments: list[str]) -> Any:
    import jsonargparse

    class Parser(jsonargparse.ArgumentParser):
        def error(self, message: str, ex: Exception | None = None) -> NoReturn:
            raise InputError(f"{' '.join(message.split())} (`encnet {name} --help` lists the arguments)")

    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = Parser(prog=f"encnet {name}", description=verb.summary)
    verb.add_arguments(parser)
    return parser.instantiate(parser.parse_args(_recipe_first(arguments)))


def _recipe_first(arguments: list[str]) -> list[str]:
    """Puts the recipe before all else, so that every other argument wins over it, and its path for its name."""
    for i, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--recipe" and (value or i + 1 < len(arguments)):
            from encnet.training.recipes import recipe_path

            rest = arguments[:i] + arguments[i + (1 if value else 2) :]
            return ["--recipe", str(recipe_path(value or arguments[i + 1])), *rest]
    return arguments


def _add_device(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument("--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if any")
    parser.add_argument("--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of the computation")


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=str, default="runs/demo", help="folder for everything the demo writes")


def _demo(arguments: Any) -> int:
    from encnet.demo import run_demo

    run_demo(arguments.out)
    return 0


def _check_arguments(parser: ArgumentParser) -> None:
    from encnet.data.formats import FORMATS

    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--format", type=str | None, default=None, help=f"one of {', '.join(FORMATS)}; none finds out")


def _check(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.check import check_dataset
    from encnet.data.formats import read_dataset

    console = Console()
    index = read_dataset(arguments.dataset, arguments.format)
    report = check_dataset(index, progress=True)
    for problem in report.problems:
        print(f"encnet: {problem.message}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning.message}", file=sys.stderr)
    if report.problems:
        print(f"encnet: {len(report.problems)} problems in {arguments.dataset}", file=sys.stderr)
        return WRONG_INPUT
    console.print(index.labels.table(), markup=False, highlight=False)
    console.print(report.table())
    splits = ", ".join(f"{len(samples)} in {name}" for name, samples in index.splits.items())
    console.print(f"{arguments.dataset} is in order: {splits}")
    return 0


def _train_arguments(parser: ArgumentParser) -> None:
    from encnet.training.config import TrainConfig

    parser.add_argument("dataset", type=str | None, nargs="?", default=None, help="folder of the data set")
    parser.add_argument("--out", type=str, default="runs/train", help="folder for everything the run writes")
    parser.add_argument("--resume", type=str | None, default=None, help="folder of an interrupted run to continue")
    parser.add_argument(
        "--recipe", action="config", help="a YAML file of settings, or the name of one that comes with encnet"
    )
    parser.add_class_arguments(TrainConfig)


def _train(arguments: Any) -> int:
    from encnet.training.callbacks import Interrupted
    from encnet.training.config import TrainConfig
    from encnet.training.run import resume, train

    settings = vars(arguments)
    dataset, out, folder = settings.pop("dataset"), settings.pop("out"), settings.pop("resume")
    settings.pop("recipe")
    if (dataset is None) == (folder is None):
        raise InputError("give either the folder of a data set to train on, or `--resume` with the folder of a run")
    try:
        best = resume(folder) if folder else train(dataset, TrainConfig(**settings), out)
    except Interrupted:
        print(f"encnet: stopped; continue with `encnet train --resume {folder or out}`", file=sys.stderr)
        return INTERRUPTED
    print(f"next: `encnet evaluate {best} {dataset or 'DATASET'}` or `encnet predict {best} PHOTOGRAPH`")
    return 0


def _evaluate_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint")
    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="split to evaluate on")
    parser.add_argument("--format", type=str | None, default=None, help="of the data set; none finds out")
    parser.add_argument("--out", type=str | None, default=None, help="folder for JSON, table and confusion matrix")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images")
    parser.add_argument("--limit", type=int | None, default=None, help="evaluate only so many images")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    _add_device(parser)


def _evaluate(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.formats import read_dataset
    from encnet.evaluation import evaluate

    report = evaluate(
        arguments.checkpoint,
        read_dataset(arguments.dataset, arguments.format),
        split=arguments.split,
        protocol=arguments.protocol,
        device=arguments.device,
        precision=arguments.precision,
        workers=arguments.workers,
        limit=arguments.limit,
    )
    Console().print(report.table())
    if arguments.out is not None:
        report.save(arguments.out)
        print(f"wrote {arguments.out}")
    return 0


def _predict_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint")
    parser.add_argument("images", type=str, nargs="+", help="image files, folders of them, or globs")
    parser.add_argument("--out", type=str, default="predictions", help="folder for label maps, overlays and presence")
    parser.add_argument("--overlay", type=bool, default=True, help="write overlays too")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the overlays' colours, 0 to 1")
    parser.add_argument("--batch_size", type=int, default=4, help="images of one size that are predicted together")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    _add_device(parser)


def _predict(arguments: Any) -> int:
    from encnet.inference import Predictor, expand_inputs, output_stems

    paths = expand_inputs(arguments.images)
    if not 0 <= arguments.opacity <= 1:
        raise InputError(f"--opacity is {arguments.opacity}; it must be from 0 to 1")
    predictor = Predictor(arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision)
    failures: list[InputError] = []
    stems = dict(zip(paths, output_stems(paths), strict=True))
    with _bar() as bar:
        task = bar.add_task("predicting", total=len(paths))
        for segmentation in predictor.stream(paths, arguments.batch_size, on_error=failures.append):
            assert segmentation.path is not None
            segmentation.save(arguments.out, stems[segmentation.path], arguments.overlay, arguments.opacity)
            bar.advance(task)
    for failure in failures:
        print(f"encnet: {failure}", file=sys.stderr)
    print(f"wrote {len(paths) - len(failures)} predictions to {arguments.out}")
    return WRONG_INPUT if failures else 0


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _benchmark_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument(
        "subject",
        type=Literal["context", "layer"],
        help="context: what the context encoding is worth; layer: speed and memory of the Encoding layer",
    )
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for results, and runs of `context`")
    parser.add_argument("--seeds", type=int, default=3, help="context: runs of each network")
    parser.add_argument("--epochs", type=int | None, default=None, help="context: of each run; none is the recipe's")
    parser.add_argument("--repeats", type=int, default=5, help="layer: timed runs of each form")


def _benchmark(arguments: Any) -> int:
    if arguments.subject == "context":
        from encnet.benchmark.context import benchmark_context

        benchmark_context(arguments.out, arguments.seeds, arguments.epochs)
    else:
        from encnet.benchmark.layer import benchmark_layer

        benchmark_layer(arguments.out, repeats=arguments.repeats)
    return 0


VERBS = {
    "demo": Verb("trains, evaluates and shows a small EncNet on generated scenes", _demo_arguments, _demo),
    "check": Verb("lists everything that is wrong with a data set", _check_arguments, _check),
    "train": Verb("trains on a data set, or continues a run", _train_arguments, _train),
    "evaluate": Verb("scores a checkpoint on a data set", _evaluate_arguments, _evaluate),
    "predict": Verb("segments photographs", _predict_arguments, _predict),
    "benchmark": Verb("measures, and prints a table", _benchmark_arguments, _benchmark),
}

if __name__ == "__main__":
    sys.exit(main())
