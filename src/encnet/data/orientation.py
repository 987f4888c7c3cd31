"""Which way round a label map lies on a photograph that its EXIF orientation turns."""

from __future__ import annotations

from encnet.data.image_facts import ImageFacts
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import Orientation
from encnet.system.errors import InputError

_TURNS = {2: "mirrors it", 3: "turns it by 180 degrees", 4: "mirrors it upside down"}


def label_orientation(
    image: ImageFile, label: LabelFile, facts: ImageFacts, label_size: tuple[int, int], declared: Orientation | None
) -> int:
    """The EXIF orientation that turns a label map onto its upright photograph; 1 if it lies on it as it is.

    Args:
        image: file of the photograph.
        label: file of the label map.
        facts: facts of the photograph.
        label_size: (width, height) of the label map.
        declared: whether label maps were drawn on the photographs as shown or as stored; None infers it from the sizes.

    Raises:
        InputError: the sizes differ; or they do not tell how the label map was drawn, and ``declared`` is None.
    """
    fits_shown, fits_stored = label_size == facts.shown_size, label_size == facts.size
    if facts.orientation == 1 or declared == "shown":
        if fits_shown:
            return 1
    elif declared == "stored":
        if fits_stored:
            return facts.orientation
    elif fits_shown and fits_stored:
        turn = _TURNS.get(facts.orientation, "turns it")
        raise InputError(
            f"the EXIF orientation of {image} {turn}, and the size of its label map {label} does not tell whether it"
            " was drawn on the photograph as it is shown or as it is stored; write `orientation: shown` or"
            " `orientation: stored` into dataset.yaml",
            "orientation",
        )
    elif fits_shown or fits_stored:
        return 1 if fits_shown else facts.orientation
    width, height = facts.size if declared == "stored" else facts.shown_size
    drawn = f" as {declared}" if declared is not None and facts.orientation != 1 else ""
    raise InputError(
        f"{image} is {width} x {height} pixels{drawn} (width x height), but its label map {label} is"
        f" {label_size[0]} x {label_size[1]}; make them the same size"
    )
