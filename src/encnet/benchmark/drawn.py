"""Images to predict where there are no photographs: drawn scenes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from encnet.benchmark.images import Shape
from encnet.data.scenes import generate_scene
from encnet.data.scenes.scene import MIN_HEIGHT, MIN_WIDTH


def drawn_images(shape: Shape) -> np.ndarray:
    """Scenes of the generator, resized: (images, height, width) -> (B, H, W, 3), uint8.

    Noise would be other work than photographs are: neighbouring pixels of a photograph mostly get the same label.
    """
    batch, height, width = shape
    scale = max(MIN_HEIGHT / height, MIN_WIDTH / width)
    scale = scale if scale > 1 else min(1.0, max(640 / width, MIN_HEIGHT / height, MIN_WIDTH / width))
    drawn = (max(MIN_HEIGHT, round(height * scale)), max(MIN_WIDTH, round(width * scale)))
    scenes = (generate_scene(seed, height=drawn[0], width=drawn[1]).image for seed in range(batch))
    return np.stack([np.asarray(Image.fromarray(scene).resize((width, height))) for scene in scenes])
