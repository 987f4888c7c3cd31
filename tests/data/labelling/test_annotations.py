"""Annotation files in several encodings, and what is counted of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_exports import LAWN, drawn, label_names, labelme, labelme_box, labelme_folder, left_out, photograph

from encnet.data.labelling import import_labels
from encnet.data.labelling.annotations import LeftOutShapes, first_names, read_json, read_xml, shown_name
from encnet.system.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return labelme_folder(tmp_path / "in")


def recode(folder: Path, encoding: str) -> None:
    """Adds a photograph with an area whose label is not ASCII, in a file of that encoding."""
    photograph(folder / "new.png")
    text = labelme(folder / "new.json", [labelme_box("lawn", LAWN)]).read_text(encoding="utf-8")
    (folder / "new.json").write_bytes(text.replace("lawn", "草地").encode(encoding))


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "big5", "shift-jis"])
def test_text_of_another_encoding_is_left_out_until_it_is_converted(
    folder: Path, tmp_path: Path, encoding: str
) -> None:
    recode(folder, encoding)
    imported = import_labels(folder, tmp_path / "data")
    assert "`iconv -f GB18030 -t UTF-8 OLD > NEW`" in left_out(imported.ledger)["new.json"]
    assert not imported.ledger.complete
    text = (folder / "new.json").read_bytes().decode(encoding)  # what iconv does
    (folder / "new.json").write_text(text, encoding="utf-8")
    imported = import_labels(folder, tmp_path / "more")
    assert imported.ledger.complete
    assert np.array_equal(label_names(tmp_path / "more")["new"], drawn(("草地", LAWN)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_with_and_without_a_byte_order_mark(folder: Path, tmp_path: Path, encoding: str) -> None:
    recode(folder, encoding)
    imported = import_labels(folder, tmp_path / "data")
    assert imported.ledger.complete
    assert np.array_equal(label_names(tmp_path / "data")["new"], drawn(("草地", LAWN)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": ', "is damaged or half-written; save it again"),
        (b"", "is damaged or half-written"),
        (b"[" * 100_000, "is damaged or half-written"),
        ('{"a": "ä"}'.encode("latin-1"), "is not UTF-8 text; convert it"),
    ],
)
def test_a_file_that_is_no_json_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json {message}"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize(
    "content", [b"<a", b"", b'<?xml version="1.0" encoding="gb2312"?><a/>', b'<?xml version="1.0" encoding="no"?><a/>']
)
def test_a_file_that_is_no_xml_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.xml is not valid XML"):
        read_xml(tmp_path / "a.xml")


def test_shapes_are_counted_and_the_first_three_are_named() -> None:
    shapes = LeftOutShapes()
    for number in range(5):
        shapes.add("point", f"{number}.json", "lawn" if number else None)
    shapes.add("line", "a.json", " ")
    assert shapes.numbers == {"point": 5, "line": 1}
    assert shapes.examples == {"point": ["0.json", "1.json: lawn", "2.json: lawn"], "line": ["a.json"]}


def test_names_for_sentences(tmp_path: Path) -> None:
    assert shown_name(tmp_path / "a/b.json", tmp_path) == "a/b.json"
    assert shown_name(tmp_path / "b.json", tmp_path / "a") == str(tmp_path / "b.json")
    assert first_names(["a", "b", "c"]) == "a, b, c"
    assert first_names(["a", "b", "c", "d"]) == "a, b, c, ..."
