"""What is printed has no character that a terminal obeys, and no line of 100,000 characters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.system.text import LONGEST, LONGEST_NAME, cell, counted, not_a_name, quoted, say, shown

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # also surrogates and control characters


@given(text=ANY_TEXT)
def test_no_character_is_obeyed_and_others_stay(text: str) -> None:
    line = shown(text)
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"}
    line.encode()
    if all(unicodedata.category(character) in ("Lu", "Ll", "Zs", "Po") for character in text):
        assert line == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[/red] grün 名 \U0001f600", "[/red] grün 名 \U0001f600"),
        ("\x1b[2J\r\n\t\x9b", r"\x1b[2J\r\n\t\x9b"),
        ("\udcff", r"\udcff"),
        ("a\u202eb", r"a\u202eb"),
    ],
)
def test_escapes_are_those_of_python(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert (not_a_name(text) is None) == (text == expected)


def test_long_text_is_shortened_and_keeps_both_ends() -> None:
    line = shown("begin" + 100_000 * "x" + "end")
    assert line.startswith("begin") and line.endswith("end") and "98008 characters" in line
    assert len(line) < LONGEST + 50
    assert len(quoted([100_000 * "x"])) < 150
    assert not_a_name("x" * LONGEST_NAME) is None
    assert not_a_name("é" * LONGEST_NAME) is not None
    assert (
        not_a_name("/".join(["x" * 200] * 4)) is not None and not_a_name("/".join(["x" * 200] * 4), path=True) is None
    )


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u061c"])
def test_marks_of_direction_are_shown_and_allowed_in_names(mark: str) -> None:
    assert shown(f"a{mark}b") == f"a\\u{ord(mark):04x}b"
    assert not_a_name(f"a{mark}b") is None


def test_numbers_have_their_noun() -> None:
    assert (counted(1, "area"), counted(0, "area"), counted(2, "area")) == ("1 area", "0 areas", "2 areas")
    assert (counted(2, "class"), counted(3, "batch"), counted(1.0, "minute")) == ("2 classes", "3 batches", "1 minute")
    assert (counted(1.5, "minute"), counted(1_234_567, "pixel")) == ("1.5 minutes", "1234567 pixels")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_computes_no_name(text: str) -> None:
    assert (cell(text), cell(f"a{text}"), cell("")) == (f"'{text}", f"a{text}", "")


def test_lines_go_to_their_stream(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb")
    say("\x1b", error=True)
    assert capsys.readouterr() == ("a\\nb\n", "\\x1b\n")
