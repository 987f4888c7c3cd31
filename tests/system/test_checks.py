"""Range checks name the argument, its value and the allowed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.system.checks import require
from encnet.system.errors import InputError


@given(name=st.from_regex(r"[a-z_]+(\.[a-z_]+)?", fullmatch=True), value=st.integers() | st.floats() | st.text())
def test_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError) as error:
        require(False, name, value, "at least 1")
    assert str(error.value) == f"{name} is {value}; it must be at least 1"
    assert error.value.argument == name


def test_value_in_range_is_accepted() -> None:
    require(True, "size", 3, "at least 1")
