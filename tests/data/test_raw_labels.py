from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from encnet.data.palette import Color
from encnet.data.raw_labels import pack_color, require_range, unpack_color
from encnet.system.errors import InputError


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_color_is_packed_as_in_html(color: Color) -> None:
    assert f"{pack_color(color):06x}" == bytes(color).hex()
    assert unpack_color(pack_color(color)) == color


@pytest.mark.parametrize("value", [-1, -9999, -(2**31), 65536, 2**31 - 1])
def test_a_value_that_no_label_has_is_named_with_its_file(value: int) -> None:
    message = f"the label map a.tif holds the value {value}, but values are whole numbers from 0 to 65535; .* `ignore`"
    with pytest.raises(InputError, match=message):
        require_range(Image.fromarray(np.array([[0, 7], [value, 65535]], np.int32)), "a.tif")


def test_values_in_the_range_are_labels() -> None:
    require_range(Image.fromarray(np.array([[0, 65535]], np.int32)), "a.tif")
