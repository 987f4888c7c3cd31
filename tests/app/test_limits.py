"""Limits: their own range, and their effect."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from encnet.app.limits import TOO_LARGE, Limits, RefusedError
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    "wrong",
    [
        *({"max_megapixels": value} for value in (0, 179, nan, inf)),
        *({"max_megabytes": value} for value in (0, -1, 1e9, nan, inf)),
        *({"timeout": value} for value in (0, -1, 1e9, nan, inf)),
        *({"concurrency": value} for value in (0, -1, 10**9)),
    ],
    ids=str,
)
def test_the_error_for_a_limit_out_of_range_names_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} is {next(iter(wrong.values()))}; it must be"):
        Limits(**wrong)


def test_limits_are_exact_to_the_pixel_and_to_the_byte() -> None:
    limits = Limits(max_megapixels=0.06, max_megabytes=0.5)
    limits.check_pixels(200, 300)
    limits.check_bytes(500_000)
    with pytest.raises(RefusedError, match="200 x 301 pixels") as refused:
        limits.check_pixels(200, 301)
    assert refused.value.status == TOO_LARGE
    with pytest.raises(RefusedError, match=r"larger than 0.5 MB"):
        limits.check_bytes(500_001)
