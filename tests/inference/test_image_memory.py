"""Sizes of images that no memory holds are refused, by the name of what asks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from encnet.inference.preprocessing import Preprocessing
from encnet.inference.protocols.protocol import Protocol
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError
from encnet.system.memory import free_memory

pytestmark = pytest.mark.skipif(free_memory() is None, reason="the system does not say how much memory is free")


def test_a_long_side_and_a_scale_that_do_not_fit_are_refused() -> None:
    info = ModelInfo("x", {}, [0.0] * 3, [1.0] * 3, long_side=10**6)
    with pytest.raises(InputError, match="long_side asks for images of 1000000 x 1000000 pixels"):
        Preprocessing.of(info).open(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"protocol\.scales asks for images of"):
        Protocol(scales=(100.0,)).size(10**4, 10**4, 100.0)
    assert replace(Protocol(), long_side=64).size(32, 16, 1.0) == (64, 32)
