"""The plan of `encnet predict`: which flags apply, what is left out, and what may be written."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from encnet.commands.predict_plan import LIMITED, make_plan, refuse_ignored
from encnet.data.source import ImageSource
from encnet.inference.kinds import Kind
from encnet.system.errors import InputError
from encnet.system.files import write_text

UNSET: dict[str, Any] = {name: limited.unset for name, limited in LIMITED.items()}
GIVEN: dict[str, Any] = {
    "bands": (3, 2, 1),
    "value_range": (0, 3000),
    "raster": True,
    "frames": True,
    "context_memory": 0.9,
    "rank": True,
    "confidence": True,
    "probabilities": True,
    "areas": True,
    "batch_size": 8,
}
KINDS: tuple[Kind, ...] = ("image", "video", "raster")


def no_model() -> ImageSource:
    """The source of a model that must not be loaded."""
    raise AssertionError("the model is loaded")


def options(**changes: Any) -> Namespace:
    """The arguments of `encnet predict` after parsing."""
    settings = {"checkpoint": "m.onnx", "images": [], "out": "out", "overlay": True, "opacity": 0.5, "overwrite": False}
    settings |= {"resume": False, "share": None}
    return Namespace(**{**settings, **UNSET, **changes, "given": changes})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GIVEN)
def test_a_flag_is_refused_where_no_file_uses_it(name: str, kind: Kind) -> None:
    arguments = options(**{name: GIVEN[name]})
    if kind in LIMITED[name].kinds:
        refuse_ignored(arguments, {kind})
    else:
        with pytest.raises(InputError, match=f"--{name} is for .*, and none is given; leave it out, or"):
            refuse_ignored(arguments, {kind})
        refuse_ignored(arguments, {kind, LIMITED[name].kinds[0]})
    refuse_ignored(options(), {kind})


@pytest.mark.parametrize("name", ["bands", "value_range"])
def test_bands_are_for_photographs_where_no_file_is_read_as_a_raster(name: str) -> None:
    refuse_ignored(options(**{name: GIVEN[name]}, raster=False), {"image"})
    with pytest.raises(InputError, match=f"--{name} is for photographs, and none is given; leave it out, or give im"):
        refuse_ignored(options(**{name: GIVEN[name]}, raster=False), {"video"})


def test_every_limited_flag_is_tried() -> None:
    assert set(GIVEN) == set(LIMITED)


@pytest.mark.parametrize(("name", "kind"), [("batch_size", "raster"), ("context_memory", "image")])
def test_a_default_that_is_given_is_refused_too(name: str, kind: Kind) -> None:
    with pytest.raises(InputError, match=f"--{name} is for"):
        refuse_ignored(options(**{name: UNSET[name]}), {kind})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 0, "batch_size is 0; it must be at least 1"),
        ("context_memory", 2.0, "context_memory is 2.0; it must be at least 0 and below 1"),
        ("value_range", (3000.0, 0.0), r"value_range is \(3000.0, 0.0\); it must be \[low, high\] with low < high"),
        ("bands", (0, 1, 2), r"bands is \[0, 1, 2\]; it must be a list of band numbers"),
        ("opacity", 1.5, "opacity is 1.5; it must be from 0 to 1"),
    ],
)
def test_what_is_right_for_no_file_is_refused_before_any_is_looked_for(name: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_plan(options(**{name: value, "images": ["nothing"]}), no_model)


def test_the_opacity_of_no_overlay_is_refused() -> None:
    with pytest.raises(InputError, match="--opacity is for overlays, which --no-overlay leaves out"):
        refuse_ignored(options(opacity=0.3, overlay=False), {"image"})
    with pytest.raises(InputError, match="--opacity is for overlays"):
        refuse_ignored(options(opacity=0.5, overlay=False), {"image"})
    refuse_ignored(options(opacity=0.3), {"image"})
    refuse_ignored(options(overlay=False), {"image"})


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the current one, with a photograph, a photograph in a PNG, and an annotation."""
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (16, 16), (0, 99, 0)).save(tmp_path / "photos" / name)
    (tmp_path / "photos/b.json").write_text('{"shapes": []}')
    monkeypatch.chdir(tmp_path)
    return Path("photos")


@pytest.mark.parametrize(
    ("images", "changes", "message"),
    [
        (["photos"], {"out": "photos"}, "photos/a.png is an input, which is never replaced"),
        (["photos"], {"out": "photos", "overwrite": True}, "photos/a.png is an input, which is never replaced"),
        (["photos/*.png"], {"out": "photos/../photos"}, "is the input photos/a.png by another name"),
        (["photos/b.jpg"], {"out": "photos"}, "photos/b.json exists, and encnet did not write it"),
        (
            ["photos/b.jpg"],
            {"out": "photos/a.png"},
            "cannot write photos/a.png/b.png: photos/a.png is a file, not a folder",
        ),
        (["photos/b.jpg"], {"opacity": 2}, "--opacity is 2; it must be from 0 to 1"),
        (["photos", "none/*"], {}, "none/* matches no image"),
    ],
)
def test_what_would_destroy_a_file_is_refused(
    photos: Path, images: list[str], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        make_plan(options(images=images, **changes), no_model)
    assert message in str(caught.value)
    assert sorted(path.name for path in photos.iterdir()) == ["a.png", "b.jpg", "b.json"]
    assert not Path("out").exists()


def test_ranking_is_a_result_too(photos: Path) -> None:
    Path("out").mkdir()
    Path("out/ranking.json").write_text("of the user")
    make_plan(options(images=["photos"]), no_model)
    with pytest.raises(InputError, match=r"out/ranking\.json exists"):
        make_plan(options(images=["photos"], rank=True), no_model)


def test_frames_of_the_user_are_not_deleted(photos: Path) -> None:
    Path("film.mp4").touch()
    Path("out/film_frames").mkdir(parents=True)
    Path("out/film_frames/000007.png").write_text("extracted by the user")
    make_plan(options(images=["film.mp4"]), no_model)
    with pytest.raises(InputError, match=r"000007\.png exists"):
        make_plan(options(images=["film.mp4"], frames=True), no_model)
    write_text("out/film_frames/000007.png", "an earlier label map")
    make_plan(options(images=["film.mp4"], frames=True), no_model)


def test_the_ledger_counts_every_file_once(photos: Path) -> None:
    page = Image.new("RGB", (16, 16))
    page.save("photos/scan.tif", save_all=True, append_images=[page, page])
    Path("photos/film.mp4").touch()
    Path("photos/c.heic").touch()
    plan = make_plan(options(images=["photos"]), no_model)
    assert list(plan.kinds.values()) == ["image", "image", "video", "image"]
    predicted = [path for path in plan.kinds if path.suffix != ".mp4"]
    assert plan.finish(predicted) == [
        "files: 6 found; used: 3 photographs",
        "left out: 1 file (b.json): no images or videos",
        "left out: 1 file (c.heic): encnet does not read .heic; convert to JPEG or PNG",
        "left out: 1 file (photos/film.mp4): not predicted; the errors above say why",
        "left out: 2 further pages or frames (photos/scan.tif): only the first of a file is used; save each as a"
        " file of its own",
    ]
    assert not plan.complete


def test_further_pages_alone_make_a_plan_incomplete(photos: Path) -> None:
    page = Image.new("RGB", (16, 16))
    page.save("moving.gif", save_all=True, append_images=[Image.new("RGB", (16, 16), (200, 0, 0))])
    plan = make_plan(options(images=["moving.gif"]), no_model)
    assert plan.finish(plan.kinds)[0] == "files: 1 found; used: 1 photograph"
    assert not plan.complete
    assert make_plan(options(images=["photos"]), no_model).complete


def test_equal_names_and_large_photographs_are_noted(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rasterio")
    Image.new("L", (40, 40)).save("large.png")
    Image.new("RGB", (16, 16)).save("photos/a.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    plan = make_plan(options(images=["photos", "large.png"]), no_model)
    assert plan.notes() == [
        "large.png has too many pixels for a photograph and is predicted as a raster",
        "results get other names where files share one: photos/a.png as photos_a",
    ]
    assert plan.bands == {Path("large.png"): (1, 1, 1)}
    assert make_plan(options(images=["large.png"], raster=False), no_model).kinds == {Path("large.png"): "image"}
