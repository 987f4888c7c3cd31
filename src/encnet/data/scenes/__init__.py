"""Generated scenes: the built-in data set, in which only distant parts of a scene tell some classes apart.

A scene is a harbour, a farm or a town. A strip at one of its sides shows a landmark: the sea, a barn and its field, or
houses. Everything else is drawn without knowledge of the place. On the other side, at least ``CONTEXT_DISTANCE`` pixels
away from the landmark, are orange discs and brown boxes. A disc is a buoy in a harbour, a pumpkin on a farm and a ball
in a town; a box is a crate, a hay bale or a bench. A network that sees no farther can only guess.
"""

from encnet.data.scenes.scene import (
    CLASSES,
    CONTEXT_CLASSES,
    CONTEXT_DISTANCE,
    PALETTE,
    PLACES,
    SMALL_CLASSES,
    Scene,
    generate_scene,
    scene_labels,
)
from encnet.data.scenes.writing import write_scenes

__all__ = [
    "CLASSES",
    "CONTEXT_CLASSES",
    "CONTEXT_DISTANCE",
    "PALETTE",
    "PLACES",
    "SMALL_CLASSES",
    "Scene",
    "generate_scene",
    "scene_labels",
    "write_scenes",
]
