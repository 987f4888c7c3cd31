"""Label maps that are no files of their own: they are made, when they are read, from other files or parts of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np


class DerivedLabels(ABC):
    """A label map that is made when it is read. Equal objects read equal label maps; its text names it in messages."""

    @property
    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """The files that it is made from."""

    @abstractmethod
    def values(self) -> np.ndarray:
        """The raw label map: (H, W) int32 values, or colours packed as 0xRRGGBB; values that are bytes may be uint8.

        Raises:
            InputError: a file is missing, damaged, or does not hold what is wanted.
        """

    def is_file(self) -> bool:
        """Whether all its files exist."""
        return all(path.is_file() for path in self.files)
