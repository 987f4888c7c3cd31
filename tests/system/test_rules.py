"""Rules accept what they say, and refuse everything else that JSON or a command line can bring."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.system.errors import InputError
from encnet.system.rules import (
    Rule,
    boolean,
    check_fields,
    integer,
    many,
    number,
    one_of,
    optional,
    plain_mapping,
    text,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(VALUES, st.integers(-9, 9), st.integers(-9, 9))
def test_numbers_are_finite_and_in_range_and_no_booleans(value: Any, low: int, high: int) -> None:
    whole = type(value) is int and low <= value <= high
    assert integer(low, high).holds(value) == whole
    assert number(low, high).holds(value) == (whole or (type(value) is float and low <= value <= high))
    assert number(low, high, above=True, below=True).holds(value) == (
        type(value) in (int, float) and low < value < high
    )
    assert boolean().holds(value) == (type(value) is bool)
    assert one_of(low, high).holds(value) == (type(value) is int and value in (low, high))
    assert optional(text(4)).holds(value) == (value is None or (type(value) is str and len(value) <= 4))
    pair = type(value) is list and len(value) == 2 and all(type(each) is bool for each in value)
    assert many(boolean(), 2, 2).holds(value) == pair


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_no_number_is_endless(value: float) -> None:
    assert not number(-math.inf, math.inf).holds(value)


def test_text_can_be_written_as_utf8() -> None:
    assert text(9).holds("Bäume\n")
    assert not text(9).holds("\ud800")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_mappings_are_bounded_in_entries_and_depth() -> None:
    rule = plain_mapping(entries=10, depth=3)
    assert rule.holds({"a": nested(2), "b": {"c": [1.5, None, "x"]}})
    for value in ({"a": nested(3)}, {"a": [0] * 10}, {"a": {str(i): i for i in range(10)}}, {1: 2}, {"a": {1}}, [1], 3):
        assert not rule.holds(value)
    assert not plain_mapping().holds({"a": nested(100_000)})


RULES: dict[str, Rule] = {"side": integer(1, 9)}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, r"image is None; it must be a mapping"),
        ({"side": 10}, "image.side is 10; it must be a whole number from 1 to 9"),
        ({"side": "x" * 10**6}, "image.side is 'xxx"),
        ({}, "image.side is missing"),
    ],
)
def test_a_field_that_breaks_its_rule_is_named_in_a_short_message(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        check_fields(values, RULES, "image", required=("side",))
    assert len(str(error.value)) < 300
    check_fields({"side": 9, "other": object()}, RULES, "image", required=("side",))
