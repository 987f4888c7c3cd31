"""Every command of the documentation runs, in the order of its page, in an empty folder, on small data.

``documented_inputs.INPUTS`` makes the files that a command names and no command before it made. ``shortened`` adds the
arguments that make a command fast; otherwise it runs as the page has it. ``NOT_RUN`` lists the commands that are not
run, with the reason.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from documented_inputs import INPUTS

from encnet.cli import main
from encnet.training.recipes import load_recipe

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]

BLOCKS_APART = {"docs/coming_from.md"}
"""Pages whose blocks use the same names for different things: each block runs in its own folder."""

NOT_RUN = {
    r"encnet demo$": "takes minutes; tests/demo/test_run.py runs it with fewer scenes",
    r"encnet convert ": "needs a published checkpoint; tests/weights/ converts a small file of each source",
    r"encnet --completion ": "writes to a folder of the shell",
}
"""Pattern of a command -> why it is not run here."""

SLOW = {
    *("docs/coming_from.md", "docs/deploying.md", "docs/evaluating.md", "docs/figures.md"),
    *("docs/own_data.md", "docs/recipes.md"),
}
"""Pages whose commands together take more than a few seconds; .ci/run runs them, `make test` does not."""

SERVED = "docs/deploying.md"
"""The page whose `encnet app` is run and asked; other pages have it with the same arguments, or without any."""

EXTRAS = {
    "film.mp4": "av",
    "field.tif": "rasterio",
    "sentinel.tif": "rasterio",
    "app": "fastapi",
    "garden.onnx": "onnx",
}
"""Word of a command -> the module without which the command is skipped; `make install` installs all of them."""

STEPS = ["--data.batch_size", "2", "--data.workers", "0", "--data.crop", "[32,32]", "--steps", "2"]
PLACE = ["--accelerator", "cpu", "--precision", "fp32"]
NETWORK = ["--model.pretrained", "null", "--model.backbone", "resnet10t", "--model.head_channels", "16"]


def shortened(words: Sequence[str]) -> list[str]:
    """The words of a command, and further arguments with which it takes seconds."""
    verb, given = words[1], set(words)
    more: list[str] = []
    if verb == "train" and "--resume" not in given:
        more += [*STEPS, *PLACE]
        if "--minutes" in given:
            words = [before if previous != "--minutes" else "0.01" for previous, before in pairwise(["", *words])]
            more = [*STEPS[:-2], *PLACE]
        if "--initial" not in given and "package" not in given:
            more += NETWORK[2:] if "encoder.pth" in given else NETWORK
        recipe = load_recipe(words[words.index("--recipe") + 1]) if "--recipe" in given else None
        if recipe and recipe.data.base_size:
            more += ["--data.base_size", "48"]
        if recipe and recipe.data.long_side:
            more += ["--data.long_side", "48"]
    elif verb == "train" and "--steps" in given:
        more += ["--steps", "3"]
    elif verb == "evaluate":
        more += [] if "--choose_prior" in given else ["--workers", "0"]
        for setting, small in (("crop", "[32,32]"), ("long_side", "64"), ("short_side", "48")):
            more += [f"--protocol.{setting}", small] if f"--protocol.{setting}" in given else []
    elif verb == "export" and "int8" in given:
        more += ["--calibration_images", "2", "--limit", "2"]
    elif verb == "benchmark":
        more += ["--repeats", "1", "--limit", "1"]
    return [*words, *more]


def blocks(page: str) -> Iterator[list[str]]:
    """The lines of each fenced block that begin with ``encnet``, continuation lines joined."""
    for match in FENCE.finditer((ROOT / page).read_text(encoding="utf-8")):
        if match[1] not in ("python", "yaml", "json"):
            lines = match[2].replace("\\\n", " ").splitlines()
            yield [line.strip() for line in lines if line.startswith("encnet ")]


def commands(page: str) -> list[list[str]]:
    """The commands of a page, in lists; each list runs in one folder."""
    lists = [block for block in blocks(page) if block]
    return lists if page in BLOCKS_APART else [[line for block in lists for line in block]] if lists else []


def why_not(line: str) -> str | None:
    """The reason for which a command is not run; None if it is run."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, line)), None)


def supply(words: Sequence[str]) -> None:
    """Makes the files that a command reads and that are not there."""
    written = {words[i + 1] for i, word in enumerate(words[:-1]) if word in ("--out", "--save_prior")}
    for word in words:
        path = word.rstrip("/")
        if path in INPUTS and path not in written and not Path(path).exists():
            INPUTS[path](Path(path))


def serve(words: Sequence[str]) -> None:
    """Starts `encnet app`, waits until it answers, asks it to segment a photograph, and stops it as Ctrl-C does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "encnet", *words[1:], "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                assert server.poll() is None, server.stderr and server.stderr.read()
                time.sleep(0.1)
        supply(["photograph.jpg"])
        body = Path("photograph.jpg").read_bytes()
        with urllib.request.urlopen(f"{address}/predict?labels=true", data=body, timeout=60) as answer:
            document = json.load(answer)
        assert {"width", "height", "classes", "labels_png"} <= set(document)
        assert {"name", "color", "share", "presence"} <= set(document["classes"][0])
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


def run(line: str) -> None:
    words = shlex.split(line, comments=True)
    supply(words)
    if words[1] == "app":
        serve(words)
    else:
        assert main(shortened(words)[1:]) == 0, line


def missing(words: Sequence[str]) -> str | None:
    """A module that a command needs and that is not installed; None if there is none."""
    return next((module for name, module in EXTRAS.items() if name in words and find_spec(module) is None), None)


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in PAGES])
def test_the_commands_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number, lines in enumerate(commands(page)):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        for line in lines:
            words = shlex.split(line, comments=True)
            if why_not(line) is None and missing(words) is None and (words[1] != "app" or page == SERVED):
                run(line)


def test_there_are_commands_and_every_reason_is_needed() -> None:
    lines = [line for page in PAGES for block in commands(page) for line in block]
    assert len(lines) >= 60
    for pattern in NOT_RUN:
        assert any(re.match(pattern, line) for line in lines), pattern
    assert sum(why_not(line) is None for line in lines) >= 50


def test_the_chinese_readme_has_the_same_commands_and_snippets() -> None:
    def code(page: str) -> list[tuple[str, list[list[str]]]]:
        text = (ROOT / page).read_text(encoding="utf-8")
        start = re.split(r"^## (?:Measured|实测结果)$", text, flags=re.MULTILINE)[0]
        return [
            (match[1], [shlex.split(line, comments=True) for line in match[2].splitlines()])
            for match in FENCE.finditer(start)
        ]

    assert code("README.zh.md") == code("README.md")


@pytest.mark.parametrize(
    "page", ["README.md", "docs/index.md", "docs/predicting.md", "docs/explaining.md", "docs/deploying.md"]
)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    snippets = [match[2] for match in FENCE.finditer(text) if match[1] == "python"]
    assert snippets
    for snippet in snippets:
        tree = ast.parse(snippet)
        supply(
            [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        )
        lines = [line for line in snippet.splitlines() if "your-name/" not in line]  # nothing is sent to the hub
        exec(compile("\n".join(lines), page, "exec"), {})
