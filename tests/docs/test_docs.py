"""What the documentation names exists: files, functions, lines of code, commands, Python names."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import yaml
from PIL import Image

import encnet
from benchmarks import command as benchmark_command
from encnet.cli import VERBS, _command
from encnet.commands.command import Command, make_parser
from encnet.commands.completion import SHELLS
from encnet.commands.words import spelled_out, with_underscores
from encnet.data.formats import read_dataset
from encnet.model.variants import list_models
from encnet.training.recipes import list_recipes, recipe_path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / page for page in ("README.md", "README.zh.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
REFERENCE = re.compile(r"`((?:src|tests|benchmarks|tools)/[\w/.]+\.py)(?:::([\w.]+))?`")
ROW = re.compile(r"`(src/[\w/.]+\.py)::([\w.]+)`\]\([^)]*\) \| `([^`]+)` \|$", flags=re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def definition(path: str, dotted: str) -> str:
    """The source of a function, class or assigned name, ``Class.method`` too; the parts must exist."""
    text = (ROOT / path).read_text(encoding="utf-8")
    node: ast.AST = ast.parse(text)
    for part in dotted.split("."):
        found = [child for child in ast.iter_child_nodes(node) if part in names_of(child)]
        assert found, f"{path} has no {dotted}"
        node = found[0]
    return ast.get_source_segment(text, node) or ""


def names_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def anchors(page: Path) -> set[str]:
    """What links to a page may have after ``#``: its headings, as GitHub and mkdocs write them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


def without_spaces(code: str) -> str:
    """Code as its characters, so that it may be broken into lines differently."""
    return re.sub(r"\s|,(?=\s*[)\]])", "", code)


def commands(text: str, program: str = "encnet", in_span: str = r"[\w-]+ [^`]+") -> Iterator[list[str]]:
    """The arguments with which a page runs a program.

    Args:
        text: of the page.
        program: what each command begins with.
        in_span: pattern of the arguments in a code span. By default there are at least two, as `encnet VERB` alone
            names the verb.

    Yields:
        words of each command, from the lines of fenced blocks and from code spans.
    """
    blocks = [match[2].replace("\\\n", " ") for match in FENCE.finditer(text) if match[1] not in ("python", "yaml")]
    lines = [line for block in blocks for line in block.splitlines()]
    spans = re.findall(f"`{program} ({in_span})`", " ".join(FENCE.sub("", text).split()))
    for line in [line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")] + spans:
        words = shlex.split(line, comments=True)
        if "..." not in words:
            yield words


def benchmarks(text: str) -> Iterator[list[str]]:
    """The arguments of each `python -m benchmarks SUBJECT`."""
    for words in commands(text, "python -m benchmarks", "[^`]+"):
        if words[0] != "SUBJECT":
            yield words


def parse(program: str, command: Command, words: Sequence[str]) -> None:
    """Parses the words as :func:`encnet.commands.command.run_command` does.

    Raises:
        InputError: they are no arguments of the command.
    """
    prepared: Callable[[list[str]], list[str]] = getattr(command, "prepared", list)
    parser = make_parser(program, command)
    parser.parse_args(prepared(spelled_out(with_underscores(words), parser)))


def snippets(text: str) -> list[str]:
    return [match[2] for match in FENCE.finditer(text) if match[1] == "python"]


def test_there_is_documentation() -> None:
    assert {"docs/coming_from.md", "docs/equations.md"} <= {name(page) for page in PAGES}
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert sum(len(list(commands(text))) for text in texts) >= 30
    assert sum(len(snippets(text)) for text in texts) >= 10
    assert sum(len(ROW.findall(text)) for text in texts) >= 25
    assert sum(len(list(benchmarks(text))) for text in texts) >= 10
    assert sum(match[1] == "yaml" for text in texts for match in FENCE.finditer(text)) >= 1


def test_the_page_of_recipes_lists_every_recipe() -> None:
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == list_recipes()


def test_the_start_page_lists_every_variant_and_shell_and_the_version() -> None:
    text = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    names = [name for line in rows for name in re.findall(r"`(encnet_\w+)`", line.split("|")[1])]
    assert sorted(names) == list_models()
    assert set(SHELLS) <= set(re.findall(r"encnet --completion (\w+)", text))
    assert "`encnet.__version__`" in text


def test_the_pages_of_the_api_have_every_public_name() -> None:
    pages = sorted((ROOT / "docs/api").glob("*.md"))
    listed = [path for page in pages for path in re.findall(r"^::: ([\w.]+)$", page.read_text(), flags=re.MULTILINE)]
    assert len(listed) == len(set(listed)) >= len(encnet.__all__)
    objects = {}
    for path in listed:
        module, attribute = path.rsplit(".", 1)
        objects[path] = getattr(importlib.import_module(module), attribute)
    for public in set(encnet.__all__) - {"__version__"}:
        assert any(getattr(encnet, public) is documented for documented in objects.values()), public
    contracts = ("model.backbone.Backbone", "model.backbone.Stages", "model.head.Head", "model.head.HeadFeatures")
    assert {f"encnet.{path}" for path in contracts} <= set(listed)


def test_the_site_has_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"([\w/]+\.md)$", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(
        str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path, dotted in REFERENCE.findall(text):
        assert (ROOT / path).is_file(), path
        if dotted:
            definition(path, dotted)
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", FENCE.sub("", text)):
        path = page.parent / target if target else page
        assert path.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in anchors(path), f"{name(page)} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_lines_of_code_are_where_they_are_said_to_be(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path, dotted, code in ROW.findall(text):
        assert without_spaces(code) in without_spaces(definition(path, dotted)), f"{path}::{dotted} has no {code}"
    if page.name == "equations.md":  # every row has all three
        rows = [line for line in text.splitlines() if line.startswith("|") and "::" in line]
        assert len(rows) == len(ROW.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_parse(page: Path) -> None:
    for verb, *arguments in commands(page.read_text(encoding="utf-8")):
        if verb == "--completion":
            assert arguments[0] in SHELLS and arguments[1:2] in ([], [">"]), f"encnet --completion {arguments}"
            continue
        assert verb in VERBS, f"encnet {verb}"
        if "--recipe" in arguments and Path(arguments[arguments.index("--recipe") + 1]).suffix:
            at = arguments.index("--recipe")
            del arguments[at : at + 2]  # a file that an earlier command writes
        if "--help" not in arguments:
            parse(f"encnet {verb}", _command(verb), arguments)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_benchmarks_parse(page: Path) -> None:
    for arguments in benchmarks(page.read_text(encoding="utf-8")):
        parse(benchmark_command.PROGRAM, cast(Command, benchmark_command), arguments)


@pytest.mark.parametrize("recipe", list_recipes())
def test_commands_in_recipes_parse(recipe: str) -> None:
    comment = [line for line in recipe_path(recipe).read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    text = " ".join(line.removeprefix("#").strip() for line in comment)
    for line in re.findall(r"encnet (?:train|evaluate) [^(]*?(?= \(| Batch:| Differs:| Published:|$)", text):
        verb, *arguments = shlex.split(line)[1:]
        parse(f"encnet {verb}", _command(verb), arguments)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_snippets_compile_and_name_what_exists(page: Path) -> None:
    for snippet in snippets(page.read_text(encoding="utf-8")):
        tree = ast.parse(snippet)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "encnet":
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "encnet":
                assert node.attr in encnet.__all__, f"encnet has no {node.attr}"


def write_samples(root: Path, document: dict[str, Any]) -> None:
    """The photographs and label maps that a dataset.yaml names."""
    for split in document["splits"].values():
        pattern = split["labels"] if "{class}" in split["labels"] else f"{split['labels']}/{{name}}.png"
        texts = [entry.get("value", entry["name"]) for entry in document["classes"]]
        files = [pattern.replace("{class}", str(text)).replace("{name}", "a") for text in texts]
        for file in (f"{split['images']}/a.png", *files):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4)).save(root / file)
        if "list" in split:
            (root / split["list"]).write_text("a.png\n")


def write_scenes(root: Path, document: dict[str, Any]) -> None:
    """The rasters and vectors that a dataset.yaml names, with a shape of each class on each raster."""
    pyogrio, shapely = pytest.importorskip("pyogrio"), pytest.importorskip("shapely")
    from rasters import write_raster

    rasters, classes = document["rasters"], document["classes"]
    entries = [rasters] if "images" in rasters else list(document["splits"].values())
    bands, dtype = (len(document["bands"]), np.uint16) if "bands" in document else (3, np.uint8)
    for number, entry in enumerate(entries):
        image = root / entry["images"]
        image = image if image.suffix else image / "a.tif"
        image.parent.mkdir(parents=True, exist_ok=True)
        write_raster(image, np.full((1200, 1200, bands), number + 1, dtype))
    values = [entry.get("value", entry["name"]) for entry in classes]
    squares = [shapely.box(500_000, 5_799_000 + 900 * i, 512_000, 5_799_800 + 900 * i) for i in range(len(values))]
    columns = {rasters["attribute"]: np.array(values, object)} if "attribute" in rasters else {}
    path = root / entries[0]["labels"]
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON"}[path.suffix]
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(square) for square in squares], object),
        list(columns.values()),
        list(columns),
        geometry_type="Polygon",
        crs="EPSG:32633",
        driver=driver,
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_descriptions_of_data_sets_are_read(page: Path, tmp_path: Path) -> None:
    blocks = [match[2] for match in FENCE.finditer(page.read_text(encoding="utf-8")) if match[1] == "yaml"]
    for number, block in enumerate(blocks):
        root = tmp_path / str(number)
        document = yaml.safe_load(block)
        if "rasters" in document:
            write_scenes(root, document)
        elif "splits" not in document:  # lines to add to a description
            continue
        else:
            write_samples(root, document)
        (root / "dataset.yaml").write_text(block)
        index = read_dataset(root)
        assert index.labels.names == tuple(entry["name"] for entry in document["classes"])
        assert {"train", "val"} <= index.splits.keys() and all(index.splits.values())
        assert all(s.label is not None and s.label.is_file() for samples in index.splits.values() for s in samples)
