"""`labels: mask_per_class` of dataset.yaml: one binary mask for each class and photograph.

labels: mask_per_class
outside: sky                      # the class of pixels in no mask, or ignore; this key is required
classes:                          # where masks overlap, the later class is on top
  - {name: sky}
  - {name: car, value: vehicle}   # value: the text in the name of the file, or a list of texts; default: name
splits:
  train:
    images: images/train
    labels: "masks/train/{class}/{name}.png"  # or masks/{name}_{class}.png, masks/{name}/{class}.png, ...

`{name}` is the name of the photograph without suffix, with the folders inside `images` that it lies in.

"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from encnet.data.class_indices import ignore_of
from encnet.data.class_masks import ClassMasks
from encnet.data.dataset import Sample
from encnet.data.formats.mask_pattern import EXAMPLE, MaskPattern
from encnet.data.formats.matching import LABEL_SUFFIXES
from encnet.data.formats.names import composed
from encnet.data.formats.pairs import found_in
from encnet.data.formats.yaml_reader import NamedClass, YamlReader
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.labels import LabelSet
from encnet.data.sample_files import name_in
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger

MASK_PER_CLASS = "mask_per_class"
"""The value of the key `labels`."""

_OTHER_LABELS = ("ignore", "undeclared", "label_suffix", "image_suffix")
_NAMED = 20  # classes that a message names


class MaskClasses(YamlReader):
    """Reads the keys of dataset.yaml that say which masks there are, and which classes they show.

    Args:
        path: the file.
        document: its content.

    Attributes:
        labels: the classes; raw labels are their positions.

    Raises:
        InputError: a key has a mistake, or is missing; the message then proposes it.
    """

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        super().__init__(path)
        self._document = document
        self._files: dict[MaskPattern, dict[str, Path]] = {}
        self._owners: dict[Path, tuple[str, int]] = {}  # mask -> (name of the photograph, class)
        self._photographs: set[Path] = set()  # also those that no list names
        if "rasters" in document:
            raise self.mistake("labels", f"is {MASK_PER_CLASS}, which is for photographs; leave out `rasters`")
        for key in _OTHER_LABELS:
            if key in document:
                raise self.mistake(key, f"has no effect with `labels: {MASK_PER_CLASS}`; leave it out")
        if "splits" not in document:
            example = f'splits: {{train: {{images: images/train, labels: "{EXAMPLE}"}}}}'
            raise self.mistake("splits", f"is not given; it names photographs and masks, as `{example}`")
        if "classes" not in document:
            raise self.mistake("classes", f"is not given; it names the classes of the masks, {self._proposal()}")
        classes = self.named_classes(self.sequence(document["classes"], "classes"))
        self._texts = self._texts_of(classes)
        self.labels: LabelSet = LabelSet.plain([each.name for each in classes], [each.color for each in classes])
        self._outside = self._outside_of(self.labels.names)

    def samples(self, images: Path, pattern_text: Any, key: str) -> tuple[Sample, ...]:
        """The photographs of a folder with their masks, sorted by name.

        The label map of a photograph without any mask is a missing file.

        Args:
            images: the folder.
            pattern_text: the value of the key.
            key: the key, for messages.

        Raises:
            InputError: the pattern has a mistake, or a file would be the mask of two photographs or classes.
        """
        pattern = self._pattern(pattern_text, key)
        photographs = _named(images, pattern)
        masks = {path: self._masks_of(name, pattern, key) for path, name in photographs.items()}
        used = {mask for each in masks.values() for _, mask in each}  # in one folder, masks look like photographs
        self._photographs |= masks.keys() - used
        samples = []
        for image in sorted(masks.keys() - used, key=lambda path: (path.stem, str(path))):
            shown = pattern.shown(photographs[image])
            label = ClassMasks(shown, tuple(masks[image]), self._outside) if masks[image] else Path(shown)
            samples.append(Sample(image, label))
        return tuple(samples)

    def account(self, splits: Mapping[str, Sequence[Sample]], ledger: Ledger) -> list[str]:
        """Notes on masks that are absent; ``ledger`` gets the masks that are not used.

        Args:
            splits: the samples that are used, from :meth:`samples`.
            ledger: files that are left out.
        """
        samples = [sample for each in splits.values() for sample in each]
        labels = {sample.label for sample in samples if isinstance(sample.label, ClassMasks)}
        used = {path for label in labels for path in label.files} | self._photographs
        left: dict[str, list[Path]] = {}
        unlisted, orphans = "no list includes the photograph of this mask", "the photograph of this mask is missing"
        nameless = "it is named as a mask, but of no class; add its class to `classes`, or as `value` to one of them"
        for pattern, files in self._files.items():
            known = pattern.regex(text for texts in self._texts for text in texts)
            any_class = pattern.regex()
            for name, path in files.items():
                if path in used:
                    continue
                if path in self._owners:
                    left.setdefault(unlisted, []).append(path)
                elif known.fullmatch(name):
                    left.setdefault(orphans, []).append(path)
                elif any_class.fullmatch(name):
                    left.setdefault(nameless, []).append(path)
                elif path.suffix.lower() in LABEL_SUFFIXES and self._is_mask_but_for_its_suffix(name, pattern, known):
                    left.setdefault(f"it is a mask, but `labels` says {pattern.suffix}; save it so", []).append(path)
        unpaired = self._document.get("unpaired") == "leave_out"
        for reason, paths in left.items():
            meant = reason != unlisted and (reason != orphans or not unpaired)
            ledger.leave_out(reason, *(name_in(self.path.parent, path) for path in dict.fromkeys(paths)), meant=meant)
        return self._absent(labels)

    def _is_mask_but_for_its_suffix(self, name: str, pattern: MaskPattern, known: re.Pattern[str]) -> bool:
        """Whether a file would be the only mask of its class and photograph if it ended in the pattern's suffix."""
        renamed = str(PurePosixPath(name).with_suffix(pattern.suffix))
        return renamed not in self._files[pattern] and known.fullmatch(renamed) is not None

    def _absent(self, labels: set[ClassMasks]) -> list[str]:
        """A note on the classes that have no mask in some photographs."""
        present = Counter(target for label in labels for target in {target for target, _ in label.masks})
        counted = [target for target in range(self.labels.num_classes) if target != self._outside or present[target]]
        absent = Counter({target: len(labels) - present[target] for target in counted if present[target] < len(labels)})
        if not absent:
            return []
        named = ", ".join(f"{self.labels.names[target]}: {number}" for target, number in absent.most_common(_NAMED))
        return [
            f"absent: {absent.total()} of {len(counted) * len(labels)} masks ({named}"
            f"{', ...' if len(absent) > _NAMED else ''}): a class without a mask has no pixels in that photograph"
        ]

    def _masks_of(self, name: str, pattern: MaskPattern, key: str) -> list[tuple[int, Path]]:
        """(class, mask) of a photograph, in the order in which they are drawn."""
        masks = []
        for target, texts in enumerate(self._texts):
            for text in texts:
                path = self._files[pattern].get(pattern.names(text, name))
                if path is None:
                    continue
                other, other_target = self._owners.setdefault(path, (name, target))
                if (other, other_target) != (name, target):
                    raise self.mistake(
                        key,
                        f"makes {path} the mask of '{self.labels.names[other_target]}' in {other} and of"
                        f" '{self.labels.names[target]}' in {name}; rename files so that only one fits",
                    )
                masks.append((target, path))
        return masks

    def _pattern(self, value: Any, key: str) -> MaskPattern:
        text = self.text(value, key, path=True)
        try:
            pattern = MaskPattern.of(self.path.parent, text)
        except ValueError as error:
            message = f"is {text}, which {error}; with `labels: {MASK_PER_CLASS}` it is a pattern, as {EXAMPLE}"
            raise self.mistake(key, message) from error
        if pattern.suffix not in LABEL_SUFFIXES:
            raise self.mistake(key, f"is {text}, which does not end in the suffix of the masks, as .png")
        if pattern not in self._files:
            if not pattern.folder.is_dir():
                raise self.mistake(key, f"is {text}, but there is no folder {pattern.folder}")
            self._files[pattern] = pattern.existing()
        return pattern

    def _texts_of(self, classes: Sequence[NamedClass]) -> list[list[str]]:
        """The texts of each class in the names of its masks."""
        owners: dict[str, str] = {}
        for each in classes:
            for value in each.values:
                text = self.text(value, f"{each.key}.value")
                if text in owners:
                    raise self.mistake(each.key, f"has the value '{text}', which '{owners[text]}' has; give it to one")
                owners[text] = each.name
        return [each.values for each in classes]

    def _outside_of(self, names: Sequence[str]) -> int:
        """The raw label of pixels in no mask."""
        if "outside" not in self._document:
            raise self.mistake(
                "",
                "lacks the key `outside`, the class of pixels in no mask; write `outside: ignore` to ignore them, or"
                f" name a class, as `outside: {names[0]}`",
            )
        return self.class_or_ignore(self._document["outside"], "outside", names, ignore_of(len(names)))

    def _proposal(self) -> str:
        """The line of dataset.yaml that the names of the files suggest."""
        found: dict[str, None] = {}
        for split, entry in self.splits(self._document).items():
            if isinstance(entry, dict) and "labels" in entry and isinstance(entry.get("images"), str):
                pattern = self._pattern(entry["labels"], f"splits.{split}.labels")
                try:
                    names = set(_named(self.path.parent / entry["images"], pattern).values())
                except InputError:  # the folder is missing
                    continue
                matches = map(pattern.regex().fullmatch, self._files[pattern])
                found.update({match["c"]: None for match in matches if match is not None and match["n"] in names})
        listed = ", ".join(f"{{name: {text}}}" for text in sorted(found)[:_NAMED]) or "{name: car}"
        return f"as `classes: [{listed}{', ...' if len(found) > _NAMED else ''}]`"


def _named(images: Path, pattern: MaskPattern) -> dict[Path, str]:
    """The photographs of a folder, with the text that is `{name}` in the names of their masks."""
    found = found_in(images, IMAGE_SUFFIXES, nested=True, without=pattern.folder)
    return {path: composed("/".join((*inner, path.stem))) for inner, path in found}
