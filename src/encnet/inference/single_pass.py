"""One look at an image: filled up to fit the network's strides, and seen whole, or in tiles with one context."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from encnet.inference.alignment import covered_size, filled, fitting_size
from encnet.inference.decide import most_probable
from encnet.inference.engines.engine import Engine
from encnet.inference.protocol import Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from encnet.inference.context_memory import ContextMemory
    from encnet.inference.engines.pytorch import PyTorchEngine
    from encnet.inference.mosaic import Mosaic


class SinglePass:
    """Runs an engine over images by a protocol that sees each of them once.

    Args:
        engine: of any library.
        protocol: with ``single_pass``, or with the mode "tiled".
        require_pytorch: the engine, of which parts can be run; called where that is needed, with what needs it, and
            raises InputError where it is another engine.
    """

    def __init__(self, engine: Engine, protocol: Protocol, require_pytorch: Callable[[str], PyTorchEngine]) -> None:
        self.engine = engine
        self.protocol = protocol
        self.require_pytorch = require_pytorch
        self._mosaics: dict[tuple[int, int], Mosaic] = {}

    def labels(
        self, seen: np.ndarray, size: tuple[int, ...], memory: ContextMemory | None = None
    ) -> tuple[np.ndarray | Tensor, np.ndarray | Tensor | None]:
        """The most probable class of every pixel.

        Args:
            seen: uint8 (B, h, w, 3), RGB, images as the network is to see them.
            size: H and W of the label maps, in pixels.
            memory: averages the context over the images.

        Returns:
            Class indices (B, H, W), and (B, classes): the probability, 0-1, that a class is in the image, or None.

        Raises:
            InputError: tiles or a memory need PyTorch.
        """
        seen, covered = self.filled(seen, size)
        if memory is not None or self._in_tiles(seen):
            from encnet.inference.tiled import labels_in_tiles

            labels, presence = labels_in_tiles(self.mosaic(seen.shape[1:3]), seen, covered, memory)
        else:
            logits, presence = self.engine(seen)
            labels = most_probable(logits, covered, self.engine.description.align_corners)
        return labels[:, : size[0], : size[1]], presence

    def probabilities(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        """Class probabilities (B, classes, H, W) and presence, tensors on the device; arguments as above.

        Raises:
            InputError: the engine is not PyTorch.
        """
        from encnet.inference.tiled import scores_in_tiles
        from encnet.model.heads import resize

        engine = self.require_pytorch("class probabilities take")
        seen, covered = self.filled(seen, size)
        scores = scores_in_tiles(self.mosaic(seen.shape[1:3]), seen) if self._in_tiles(seen) else engine(seen)
        logits, presence = cast("tuple[Tensor, Tensor | None]", scores)
        logits = resize(logits, covered, engine.description.align_corners)[:, :, : size[0], : size[1]]
        return logits.softmax(dim=1), presence

    def mosaic(self, size: tuple[int, ...]) -> Mosaic:
        """What runs images of a size, (height, width), in the two passes of :class:`Mosaic`: in the protocol's tiles,
        or as one tile where it has none. The one for the last size is kept.

        Raises:
            InputError: the engine is not PyTorch.
        """
        from encnet.inference.mosaic import Mosaic

        height, width = size
        if (height, width) not in self._mosaics:
            tile = self.protocol.crop if self.protocol.mode == "tiled" else None
            engine = self.require_pytorch("tiles with one context take")
            mosaic = Mosaic(engine, (height, width), tile or (height, width), self.protocol.margin)
            self._mosaics = {(height, width): mosaic}
        return self._mosaics[height, width]

    def filled(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
        """Images as the protocol fills them up, and over which height and width their scores then extend.

        Args:
            seen: uint8 (B, h, w, 3), as the network is to see them.
            size: H and W of the result, in pixels; scores beyond it are those of what was filled up.
        """
        if not self.protocol.fill:
            return seen, (size[0], size[1])
        description = self.engine.description
        fitting = fitting_size(seen.shape[1:3], description.info, description.align_corners)
        return filled(seen, fitting), covered_size(size, seen.shape[1:3], fitting)

    def _in_tiles(self, seen: np.ndarray) -> bool:
        """Whether images are larger than the protocol's tiles."""
        tile = self.protocol.crop if self.protocol.mode == "tiled" else None
        return tile is not None and (seen.shape[1] > tile[0] or seen.shape[2] > tile[1])
