"""`encnet explain`: shows what the context encoding saw in photographs, and what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonargparse import ArgumentParser
    from rich.table import Table

    from encnet.explanation.result import Explanation

SUMMARY = "shows what the context encoding saw in photographs, and what it changed"
PAGE = "explanation.html"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=str, help="a checkpoint")
    parser.add_argument("images", type=str, nargs="+", help="image files, folders of them, or globs")
    parser.add_argument("--out", type=str, default="explanation", help=f"folder for {PAGE} and arrays")
    parser.add_argument(
        "--other", type=str | None, default=None, help="an image whose context is put in the place of the images' own"
    )
    parser.add_argument(
        "--dataset", type=str | None, default=None, help="folder of a data set over which the codewords' use is counted"
    )
    parser.add_argument("--split", type=str, default="val", help="of the data set")
    parser.add_argument("--format", type=str | None, default=None, help="of the data set; none finds out")
    parser.add_argument("--limit", type=int | None, default=None, help="count over only so many images of the split")
    parser.add_argument("--arrays", type=bool, default=False, help="write the arrays too, an .npz file for each image")
    parser.add_argument("--groups", type=int, default=8, help="of channels with similar γ")
    parser.add_argument("--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if any")


def run(arguments: Any) -> int:
    from pathlib import Path

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from encnet.data.formats import read_dataset
    from encnet.data.images import read_image
    from encnet.errors import InputError
    from encnet.explanation.page import write_page
    from encnet.explanation.run import explain
    from encnet.explanation.use import codeword_use
    from encnet.inference import Predictor, expand_inputs, output_stems

    paths = expand_inputs(arguments.images)
    for path in [*paths, *([] if arguments.other is None else [arguments.other])]:
        read_image(path)  # a broken one is found before the data set is gone through
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError(f"--limit is {arguments.limit}; it must be at least 1")
    samples, name = [], ""
    if arguments.dataset is not None:
        index = read_dataset(arguments.dataset, arguments.format)
        samples = [sample.image for sample in index.split(arguments.split)[: arguments.limit]]
        name = f"{index.name} {arguments.split}"
    predictor = Predictor(arguments.checkpoint, device=arguments.device)
    use = None if arguments.dataset is None else codeword_use(predictor, samples, name, progress=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    page, stems, rows = Path(arguments.out, PAGE), output_stems(paths), []

    def explained() -> Iterator[Explanation]:
        """One at a time: the arrays of large images are large."""
        with Progress(*columns, console=Console(stderr=True)) as bar:
            for path, stem in bar.track(list(zip(paths, stems, strict=True)), description="explaining"):
                explanation = explain(predictor, path, arguments.other, use, arguments.groups)
                if arguments.arrays:
                    explanation.save_arrays(Path(arguments.out, f"{stem}.npz"))
                rows.append(_row(path.name, explanation))
                yield explanation

    write_page(page, explained(), Path(arguments.checkpoint).name.removesuffix(".safetensors"), use)
    Console().print(_table(rows))
    if use is not None:
        dead = ", ".join(map(str, use.dead.tolist())) or "none"
        print(f"dead codewords, which no image of {use.name} gives a tenth of an equal share of its pixels: {dead}")
    print(f"wrote {page}{' and the arrays beside it' if arguments.arrays else ''}")
    return 0


def _row(name: str, explanation: Explanation) -> dict[str, str]:
    """What the table says of an image: codewords in use, entropy, and how much another context changes."""
    codes = len(explanation.assignment)
    return {
        "image": name,
        "codewords": f"{codes - len(explanation.unused)} of {codes}",
        "entropy": f"{explanation.entropy.mean():.3f}",
        **{each.name: f"{100 * explanation.changed(each).mean():.1f} %" for each in explanation.exchanges},
    }


def _table(rows: list[dict[str, str]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        caption="codewords in use; mean entropy of the assignment, 0 to 1; and with another context, the pixels that"
        " change their class"
    )
    for column in rows[0]:
        table.add_column(escape(column), justify="left" if column == "image" else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table
