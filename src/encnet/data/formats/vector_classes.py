"""The classes of vectors in dataset.yaml, and the scenes that shapes label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from encnet.data.class_indices import ignore_of
from encnet.data.formats.label_rasters import NO_LABEL
from encnet.data.formats.yaml_reader import NamedClass, YamlReader
from encnet.data.geo.scene import Scene
from encnet.data.geo.vector_labels import Drawing, VectorLabels, contested, outline_of
from encnet.data.geo.vectors import AttributeValue, Shapes, VectorFile, attributes, plain_value, read_shapes
from encnet.data.geo.window import Window
from encnet.data.labels import LabelSet
from encnet.data.palette import Color
from encnet.data.raster import open_raster
from encnet.system.errors import InputError
from encnet.system.ledger import NAMED
from encnet.system.text import counted

_NAMED = 20  # values that a message names
_CONTESTED = 0.001  # share of the ground of shapes that lies in shapes of two classes, to be worth a note
_ANY_CRS = "EPSG:4326"


class VectorClasses(YamlReader):
    """Reads the keys of dataset.yaml that say how shapes become classes.

    Args:
        path: the file.
        document: its content.
        settings: the content of the key ``rasters``.
        vectors: the vector files that ``labels`` name.

    Attributes:
        labels: the classes; their raw labels are their positions.
        drawing: how shapes become raw labels.

    Raises:
        InputError: a key has a mistake, or is missing; the message then proposes it, from the attributes of a file.
    """

    def __init__(
        self, path: Path, document: Mapping[str, Any], settings: Mapping[str, Any], vectors: Sequence[VectorFile]
    ) -> None:
        super().__init__(path)
        if "classes" not in document:
            raise self.mistake("classes", f"is not given; {self._proposal(vectors[0])}")
        classes = self.named_classes(self.sequence(document["classes"], "classes"))
        names, values = [each.name for each in classes], self._positions(classes)
        outside = self._class(settings, "outside", names)
        if outside is None:
            raise self.mistake(
                "rasters", "lacks the key 'outside'; write `outside: ignore`, or the class of the pixels in no shape"
            )
        undeclared = self._class(document, "undeclared", names)
        if "attribute" not in settings:
            self._refuse_values(document, vectors[0])
            undeclared = self._only_class(names, outside, vectors[0])
            values = {}
        self.drawing: Drawing = Drawing(tuple(values.items()), outside, NO_LABEL, undeclared)
        raw: dict[int | Color, int] = {**{i: i for i in range(len(names))}, NO_LABEL: ignore_of(len(names))}
        self.labels: LabelSet = LabelSet(tuple(names), tuple(each.color for each in classes), "value", raw)
        self._shapes: dict[VectorFile, Shapes] = {}
        self._used: dict[VectorFile, set[int]] = {}  # features that lie on a raster
        self._contested: list[str] = []

    def scenes(self, images: Sequence[Path], vectors: VectorFile) -> list[Scene]:
        """The scenes of rasters that shapes label.

        Raises:
            InputError: a file cannot be read, a raster has no coordinate system, or a value is of no class.
        """
        scenes = []
        for image in images:
            with open_raster(image, (1,)) as reader:
                crs, transform, size = reader.dataset.crs, reader.dataset.transform, reader.size
            if crs is None:
                raise InputError(
                    f"{image} has no coordinate system, so that shapes cannot be placed on it; write it with its"
                    " coordinate system, with gdal_edit or gdalwarp for example"
                )
            shapes = read_shapes(vectors, crs.to_wkt())
            raw = self.drawing.raw(shapes.values, vectors)
            self._shapes[vectors] = shapes
            used = shapes.tree.query(outline_of(transform, size), predicate="intersects")
            self._used.setdefault(vectors, set()).update(shapes.features[used].tolist())
            share = contested(shapes, raw, transform, size)
            if share >= _CONTESTED:
                self._contested.append(f"{image} ({share:.1%})")
            scenes.append(Scene.of(image, _Labelled(vectors, crs.to_wkt(), self.drawing)))
        return scenes

    def notes(self) -> list[str]:
        """What became of the shapes, in sentences, after all scenes are made.

        Raises:
            InputError: no shape of a file lies on a raster.
        """
        notes = []
        renamed = [f"{value!r} is {self.labels.names[raw]}" for value, raw in self.drawing.classes]
        if any(value != self.labels.names[raw] for value, raw in self.drawing.classes):
            notes.append(f"values of the attribute: {', '.join(renamed)}")
        for vectors, used in self._used.items():
            shapes, number = self._shapes[vectors], len(self._shapes[vectors].values)
            if not used:
                raise InputError(
                    f"no shape of {vectors.path} ({number} in all) lies on one of its rasters, by their coordinate"
                    " systems; correct those, or name other files"
                )
            if len(used) < number:
                notes.append(f"on no raster: {number - len(used)} of {counted(number, 'shape')} of {vectors.path}")
            if shapes.empty:
                notes.append(f"left out: {counted(shapes.empty, 'feature')} of {vectors.path} without a shape")
        if self._contested:
            named = ", ".join(self._contested[:NAMED]) + (", ..." if len(self._contested) > NAMED else "")
            notes.append(f"shapes of two classes lie over each other on {named}; the smallest shape there counts")
        return notes

    def _positions(self, classes: Sequence[NamedClass]) -> dict[AttributeValue, int]:
        """Value of the attribute -> position of its class."""
        positions: dict[AttributeValue, int] = {}
        for position, each in enumerate(classes):
            for value in map(plain_value, each.values):
                if value in positions:
                    raise self.mistake(
                        each.key, f"has the value {value!r}, which '{classes[positions[value]].name}' has"
                    )
                positions[value] = position
        return positions

    def _class(self, document: Mapping[str, Any], key: str, names: Sequence[str]) -> int | None:
        """The raw label of a key that names a class or ``ignore``; None if it is not given."""
        return self.class_or_ignore(document[key], key, names, NO_LABEL) if key in document else None

    def _refuse_values(self, document: Mapping[str, Any], vectors: VectorFile) -> None:
        """Refuses what has no effect where no attribute says the class of a shape."""
        classes = [f"classes[{i}].value" for i, entry in enumerate(document["classes"]) if "value" in entry]
        for key in [*classes, *(["undeclared"] if "undeclared" in document else [])]:
            raise self.mistake(
                key,
                f"is for the values of an attribute, but `rasters` lacks the key 'attribute'; the attributes of"
                f" {vectors.path} are {', '.join(attributes(vectors)) or 'none'}",
            )

    def _only_class(self, names: Sequence[str], outside: int, vectors: VectorFile) -> int:
        """The class of all shapes, where no attribute says it."""
        left = [position for position in range(len(names)) if position != outside]
        if len(left) != 1:
            raise self.mistake(
                "rasters",
                f"lacks the key 'attribute', which says the class of a shape; the attributes of {vectors.path} are"
                f" {', '.join(attributes(vectors)) or 'none'}",
            )
        return left[0]

    def _proposal(self, vectors: VectorFile) -> str:
        """The lines of dataset.yaml that the attributes of a file suggest."""
        names = attributes(vectors)
        attribute = vectors.attribute or (names[0] if len(names) == 1 else None)
        if attribute is None:
            return (
                f"write `rasters: {{attribute: ...}}` with the attribute of {vectors.path} that says the class"
                f" ({', '.join(names) or 'there is none'}), and `classes: [{{name: ...}}, ...]` with its values"
            )
        found = dict.fromkeys(read_shapes(vectors._replace(attribute=attribute), _ANY_CRS).values)
        listed = [
            f"{{name: {_quoted(str(value))}, value: {json.dumps(value, ensure_ascii=False)}}}"
            for value in found
            if value is not None
        ]
        return (
            f"for the values of the attribute '{attribute}' of {vectors.path}, for example"
            f" `classes: [{', '.join(listed[:_NAMED])}{', ...' if len(listed) > _NAMED else ''}]`"
        )


def _quoted(name: str) -> str:
    """A name as YAML reads it: as it is if it is plain text, else in quotes."""
    plain = name.replace("_", "").replace(" ", "").isalpha() and name == name.strip() and yaml.safe_load(name) == name
    return name if plain else json.dumps(name, ensure_ascii=False)


@dataclass(frozen=True)
class _Labelled:
    """Makes the labels of the windows of one raster."""

    vectors: VectorFile
    crs: str
    drawing: Drawing

    def __call__(self, window: Window) -> VectorLabels:
        return VectorLabels(window, self.vectors, self.crs, self.drawing)
