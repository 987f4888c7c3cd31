"""Range checks name the argument, its value and the allowed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.text import quoted, shortened, shown


@given(name=st.from_regex(r"[a-z_]+(\.[a-z_]+)?", fullmatch=True), value=st.integers() | st.floats() | st.text())
def test_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError) as error:
        require(False, name, value, "at least 1")
    assert str(error.value) == f"{name} is {shortened(str(value))}; it must be at least 1"
    assert error.value.argument == name


def test_value_in_range_is_accepted() -> None:
    require(True, "size", 3, "at least 1")


@given(text=st.text() | st.text(min_size=300))
def test_a_value_is_shown_on_one_short_line(text: str) -> None:
    line = shortened(text)
    assert shown(line) == line and len(line) < 250 * len(r"\U0001f600")
    if len(text) <= 200 and text.split() == [text] and text.isprintable():
        assert line == text


def test_a_value_of_any_size_is_shown_in_a_few_words() -> None:
    nested: list[object] = []
    for _ in range(40):
        nested = [nested, nested]  # 2**40 brackets if it were written out
    for value in (nested, "x" * 10**6, {"a": ["b" * 10**6] * 10**6}, 10**4000):
        assert len(quoted(value)) < 700
