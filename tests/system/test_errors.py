"""Errors of the input, and errors of libraries quoted in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.system.errors import InputError, first_line


@pytest.mark.parametrize("argument", [None, "size", "protocol.crop"])
def test_input_error_is_a_value_error_with_an_argument(argument: str | None) -> None:
    error = InputError("size is 0", argument)
    assert isinstance(error, ValueError)
    assert (str(error), error.argument) == ("size is 0", argument)


def test_input_error_without_an_argument_has_none() -> None:
    assert InputError("there is no file x").argument is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "KeyError"),
        ("\n  \n", "RuntimeError"),
        ("no such layer", "RuntimeError: no such layer"),
        ("\n  no such layer.\nTraceback ...", "RuntimeError: no such layer"),
    ],
)
def test_first_line_is_the_class_and_the_first_line_with_text(message: str, expected: str) -> None:
    error = KeyError() if not message else RuntimeError(message)
    assert first_line(error) == expected


@given(message=st.text(), length=st.integers(1, 50))
def test_first_line_is_one_line_of_limited_length(message: str, length: int) -> None:
    line = first_line(RuntimeError(message), length)
    assert len(line.splitlines()) == 1
    assert len(line) <= len("RuntimeError: ") + length
