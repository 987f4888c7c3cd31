"""A dataset.yaml of a stranger ends in one sentence: no traceback, no code that runs, no memory without bound."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from encnet.cli import main
from encnet.data.formats import read_dataset
from encnet.data.formats.unique_yaml import load_yaml
from encnet.system.errors import InputError
from encnet.system.text import not_a_name

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9)
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # also surrogates and control characters
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One photograph with its label map."""
    root = tmp_path_factory.mktemp("data")
    for kind, picture in (("images", np.zeros((32, 32, 3), np.uint8)), ("labels", np.zeros((32, 32), np.uint8))):
        (root / kind).mkdir()
        Image.fromarray(picture).save(root / kind / "a.png")
    return root


def document(**changes: Any) -> dict[str, Any]:
    return {"classes": [{"name": "sky"}], "splits": {"train": {"images": "images", "labels": "labels"}}, **changes}


def checked(root: Path, text: str | bytes, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The status of `encnet check` and everything that it prints."""
    (root / "dataset.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    status = main(["check", str(root), "--out", str(root.with_name("check.html")), "--overwrite", "true"])
    return status, "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BOMB, "its aliases stand for more than"),
        ("classes: &a [*a]", "a part of"),
        ("name: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("name: !!timestamp x", "is not valid YAML"),
        ("name: !!bool maybe", "is not valid YAML"),
        ("name: 2024-13-01", "is not valid YAML"),
        ("name: 2024-12-01", "`name` must be text"),
        ("classes: [{name: yes}]", "`classes[0].name` must be text, not True"),
        ("bands: [0x" + 9000 * "f" + "]", "an integer has 9002 digits"),
        (3000 * "[", "is not valid YAML"),
        ("name: a\nname: b", "the key 'name' occurs twice"),
        ("? [a]\n: 1", "is not valid YAML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ("name: " + 100_000 * "x", "which has 100000 characters"),
        ('name: "\\e[2J"', r"which contains \x1b"),
        ('classes: [{name: "\\ud800"}]', r"which contains \ud800"),
        ("splits: {train: {images: /}}", "the whole disk"),
    ],
)
def test_hostile_files_are_refused(
    text: str | bytes, sentence: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed = checked(root, text, capsys)
    assert status == 2
    assert printed.startswith(f"encnet: {root}/dataset.yaml") and printed.count("\n") == 1
    assert sentence in printed and len(printed) < 1000


@pytest.mark.parametrize("text", ["[/red]", "[bold", "[link=file:///x]y[/link]", ":smile:", "$\\frac$", "{x}", "%s"])
def test_markup_in_names_is_shown(text: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = {text: {"images": "images", "labels": "labels"}}
    status, printed = checked(root, json.dumps(document(name=text, classes=[{"name": text}], splits=split)), capsys)
    assert status == 0
    assert f"-> 0 {text} (" in printed and f"│ {text} " in printed and f"1 in {text}" in printed


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(["name", "classes", "class", "split", "images", "labels", "bands", "value_range", "key"]),
    value=ANYTHING,
)
def test_any_value_anywhere_is_read_or_refused(place: str, value: Any, root: Path) -> None:
    whole = {
        "class": document(classes=[{"name": value}]),
        "split": document(splits={str(value): {"images": "images", "labels": "labels"}}),
        "images": document(splits={"train": {"images": value, "labels": "labels"}}),
        "key": document(**{str(value): value}),
    }.get(place, document(**{place: value}))
    (root / "dataset.yaml").write_text(json.dumps(whole))
    with suppress(InputError):
        index = read_dataset(root)
        assert not any(map(not_a_name, [index.name, *index.labels.names, *index.splits]))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "dataset.yaml").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(InputError, match="has more than"):
        load_yaml(tmp_path / "dataset.yaml")


def test_a_link_to_a_folder_above_is_not_followed(root: Path) -> None:
    (root / "images/above").symlink_to(root)
    (root / "dataset.yaml").write_text(json.dumps(document()))
    assert len(read_dataset(root).split("train")) == 1
    (root / "images/above").unlink()
