"""`encnet explain`: shows how the context encoding sees photographs, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.commands.command import INCOMPLETE, add_overwrite
from encnet.commands.data_set import say_origin
from encnet.commands.unused import Unused
from encnet.system.text import say, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jsonargparse import ArgumentParser
    from rich.table import Table

    from encnet.explanation.result import Explanation

SUMMARY = "shows how the context encoding sees photographs, and what it changes"
PAGE = "explanation.html"
UNUSED = tuple(
    Unused(
        name,
        lambda a: a.dataset is None,
        "without --dataset, over which the use of codewords is counted",
        "give --dataset too",
    )
    for name in ("split", "format", "limit")
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=str, help="a checkpoint, or the folder of a training run")
    parser.add_argument("images", type=str, nargs="+", help="image files, folders of them, or globs")
    parser.add_argument("--out", type=str, default="explanation", help=f"folder for {PAGE} and arrays")
    add_overwrite(parser)
    parser.add_argument(
        "--other", type=str | None, default=None, help="an image whose context replaces that of each image"
    )
    parser.add_argument(
        "--dataset", type=str | None, default=None, help="folder of a data set, to count over it how codewords are used"
    )
    parser.add_argument("--split", type=str, default="val", help="split of the data set")
    parser.add_argument("--format", type=str | None, default=None, help="format of the data set; none detects it")
    parser.add_argument("--limit", type=int | None, default=None, help="count over only this many images of the split")
    parser.add_argument("--arrays", type=bool, default=False, help="write the arrays too, one .npz file per image")
    parser.add_argument("--groups", type=int, default=8, help="number of groups of channels with similar γ")
    parser.add_argument(
        "--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if there is one"
    )


def run(arguments: Any) -> int:
    from pathlib import Path

    from encnet.data.formats import read_dataset
    from encnet.explanation.observation import Observer
    from encnet.explanation.page import explanation_page
    from encnet.explanation.run import explain
    from encnet.explanation.use import codeword_use
    from encnet.inference import Predictor, expand_inputs, output_stems
    from encnet.inference.kinds import further_pages
    from encnet.system.checks import require
    from encnet.system.files import encoded, replacing_together
    from encnet.system.ledger import Ledger
    from encnet.system.outputs import check_outputs
    from encnet.system.progress import progress_bar
    from encnet.system.terminal import Terminal

    ledger = Ledger()
    paths = expand_inputs(arguments.images, ledger, videos=False)
    predictor = Predictor(arguments.checkpoint, device=arguments.device)
    channels = Observer(predictor).context.semantics.encoding.codewords.shape[1]
    require(
        1 <= arguments.groups <= channels, "groups", arguments.groups, f"from 1 to {channels}, the number of channels"
    )
    for path in [*paths, *([] if arguments.other is None else [arguments.other])]:
        predictor.preprocessing.open(path)  # reports a damaged one before the data set is read
    page, rows = Path(arguments.out, PAGE), []
    arrays = [Path(arguments.out, f"{stem}.npz") for stem in output_stems(paths)] if arguments.arrays else []
    read = [arguments.checkpoint, *paths, *([] if arguments.other is None else [arguments.other])]
    check_outputs([page, *arrays], read, arguments.overwrite)
    require(arguments.limit is None or arguments.limit >= 1, "--limit", arguments.limit, "at least 1")
    samples, name = [], ""
    if arguments.dataset is not None:
        index = read_dataset(arguments.dataset, arguments.format)
        say_origin(index)
        samples = [sample.image for sample in index.split(arguments.split)[: arguments.limit]]
        name = f"{index.name} {arguments.split}"
    use = None if arguments.dataset is None else codeword_use(predictor, samples, name, progress=True)

    def explained() -> Iterator[Explanation]:
        """Yields one explanation at a time: their arrays can be large."""
        with progress_bar() as bar:
            for i, path in enumerate(bar.track(paths, description="explaining")):
                explanation = explain(predictor, path, arguments.other, use, arguments.groups)
                if arguments.arrays:
                    explanation.write_arrays(temporaries[1 + i])
                rows.append(_row(path.name, explanation))
                yield explanation

    with replacing_together([page, *arrays]) as temporaries:
        html = explanation_page(explained(), _name_of(Path(arguments.checkpoint)), use)
        temporaries[0].write_bytes(encoded(html))
    Terminal().print(_table(rows))
    if use is not None:
        dead = ", ".join(map(str, use.dead.tolist())) or "none"
        say(f"dead codewords, which no image of {use.name} gives a tenth of an equal share of its pixels: {dead}")
    ledger.use("photographs", len(paths))
    for path in paths:
        ledger.leave_out_pages(str(path), further_pages(path))
    for line in ledger.lines():
        say(line)
    say(f"wrote {page}{' and the arrays beside it' if arguments.arrays else ''}")
    return 0 if ledger.complete else INCOMPLETE


def _row(name: str, explanation: Explanation) -> dict[str, str]:
    """One row of the table: codewords in use, mean entropy, and the pixels that another context changes."""
    codes = len(explanation.assignment)
    return {
        "image": shown(name),
        "codewords": f"{codes - len(explanation.unused)} of {codes}",
        "entropy": f"{explanation.entropy.mean():.3f}",
        **{exchange.name: f"{100 * explanation.changed(exchange).mean():.1f} %" for exchange in explanation.exchanges},
    }


def _table(rows: list[dict[str, str]]) -> Table:
    from rich.table import Table

    table = Table(
        caption="codewords in use; mean entropy of the assignment, 0 to 1; and the share of pixels whose class changes"
        " with another context"
    )
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "image" else "right", overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    return table


def _name_of(checkpoint: Path) -> str:
    """The name of a model: that of its file, or of the folder of its run."""
    name = checkpoint.name.removesuffix(".safetensors")
    return f"{name} of {checkpoint.parent.name}" if name in ("best", "last") and checkpoint.parent.name else name
