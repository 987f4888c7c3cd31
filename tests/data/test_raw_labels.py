from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from encnet.data.palette import Color
from encnet.data.raw_labels import pack_color, unpack_color


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_color_is_packed_as_in_html(color: Color) -> None:
    assert f"{pack_color(color):06x}" == bytes(color).hex()
    assert unpack_color(pack_color(color)) == color
