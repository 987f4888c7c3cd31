"""Configs are parsed as text and never executed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from encnet.weights.config_text import look_up, read_config

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_literals_are_read(value: object) -> None:
    assert read_config(f"x = {value!r}") == {"x": value}


@given(st.text())
def test_any_text_gives_a_dict(text: str) -> None:
    assert isinstance(read_config(text), dict)


def test_names_and_dict_calls_are_resolved_and_computed_values_are_none() -> None:
    config = read_config("a = dict(b=(1, -2.5), c=open('x'))\nd = [a, a.b, 1 + 1, *a]\ne = dict([(1, 2)])\nf, g = 1, 2")
    assert config["a"] == {"b": [1, -2.5], "c": None}
    assert config["d"] == [config["a"], None, None, None]
    assert config["e"] is None
    assert look_up(config, "a", "b") == [1, -2.5]
    assert look_up(config, "a", "b", "c") is None
    assert look_up(None, "a") is None


def test_hostile_text_gives_an_empty_config() -> None:
    assert read_config("(" * 100_000) == {}
    assert read_config("x = " + "-" * 100_000 + "1") == {}
    assert read_config(b"x = 1") == {}
