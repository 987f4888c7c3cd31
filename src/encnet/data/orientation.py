"""Which way round a label map lies on a photograph that its EXIF orientation turns."""

from __future__ import annotations

from encnet.data.geo.window_labels import WindowLabels
from encnet.data.image_facts import ImageFacts, describe_image
from encnet.data.sample_files import ImageFile, LabelFile, files_of
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
        label_size: (width, height) of the label map as it was read, turned by its own EXIF orientation if it has one.
        declared: whether label maps were drawn on the photographs as shown or as stored; None infers it from the sizes.

    Raises:
        InputError: the sizes differ; they do not tell how the label map was drawn, and ``declared`` is None; or an
            EXIF orientation of the label map has turned it away from the photograph as stored.
    """
    fits_shown, fits_stored = label_size == facts.shown_size, label_size == facts.size
    by_stored = declared == "stored" or (declared is None and fits_stored and not fits_shown)
    if facts.orientation != 1 and by_stored and (turn := own_turn(label)) != 1:
        if declared is None or turn != facts.orientation:
            raise InputError(
                f"the EXIF orientation of the label map {label} {turn_words(turn)}, so that it does not lie on its"
                f" photograph {image} as that is stored; remove the EXIF orientation of the label map"
            )
        declared = "shown"  # reading the label map has turned it upright
    if facts.orientation == 1 or declared == "shown":
        if fits_shown:
            return 1
    elif declared == "stored":
        if fits_stored:
            return facts.orientation
    elif fits_shown and fits_stored:
        raise InputError(
            f"the EXIF orientation of {image} {turn_words(facts.orientation)}, and the size of its label map {label}"
            " does not tell whether it was drawn on the photograph as it is shown or as it is stored; write"
            " `orientation: shown` or `orientation: stored` into dataset.yaml",
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


def own_turn(label: LabelFile) -> int:
    """The EXIF orientation of a label map, by which it is turned when it is read; 1 if it has none.

    That of several masks is the orientation of the first.
    """
    if isinstance(label, WindowLabels):  # rasters are not turned
        return 1
    try:
        return describe_image(files_of(label)[0]).orientation
    except InputError:  # a MATLAB file, or one that is missing or damaged, which is a problem of its own
        return 1


def turn_words(orientation: int) -> str:
    """What an EXIF orientation does to a picture, as the end of a sentence."""
    return _TURNS.get(orientation, "turns it")
