"""Label Studio's tasks, compared with the pixels inside of their shapes."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import label_maps
from PIL import Image
from pixel_areas import assert_drawn, centres

from encnet.cli import main
from encnet.data.labelling import import_labels
from encnet.data.labelling.label_studio import detect
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/label_studio"
HEIGHT, WIDTH = 40, 60
LARGE = [(5.0, 10.0), (90.0, 5.0), (85.0, 90.0), (10.0, 95.0)]
SMALL = [(30.0, 30.0), (60.0, 35.0), (45.0, 70.0)]


def entry(kind: str, label: str | list[str] | None, **value: Any) -> dict[str, Any]:
    """An entry of a result, as the control <...Labels> writes it."""
    labels = [label] if isinstance(label, str) else label
    named = {} if labels is None else {f"{kind}labels": labels}
    sizes = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {"id": "x", "type": f"{kind}labels", "value": {**value, **named}, **sizes}


def polygon(label: str, points: list[tuple[float, float]]) -> dict[str, Any]:
    return entry("polygon", label, points=points, closed=True)


def rectangle(label: str, x: float, y: float, width: float, height: float, rotation: float = 0) -> dict[str, Any]:
    return entry("rectangle", label, x=x, y=y, width=width, height=height, rotation=rotation)


def task(*results: dict[str, Any], image: str = "/data/upload/3/0a1b2c3d-a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(results)}], **more}


def export(root: Path, tasks: Any, *names: str) -> Path:
    """Writes a file of tasks, and photographs (a.jpg unless named)."""
    for name in names or ("a.jpg",):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / name)
    (root / "export.json").write_text(json.dumps(tasks))
    return root


def drawn(out: Path) -> np.ndarray:
    (labels,) = label_maps(out).values()
    return labels


def pixels(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * WIDTH / 100, y * HEIGHT / 100) for x, y in points]


def test_later_polygons_lie_over_earlier_ones(tmp_path: Path) -> None:
    root = export(tmp_path / "project", [task(polygon("lawn", LARGE), polygon("path", SMALL))])
    imported = import_labels(root, tmp_path / "data")
    assert (imported.format, imported.classes) == ("label_studio", ("lawn", "path"))
    assert imported.why == "export.json lists tasks of Label Studio (1 task in all)"
    assert_drawn(drawn(tmp_path / "data"), [(pixels(LARGE), 0), (pixels(SMALL), 1)], IGNORE)
    import_labels(export(tmp_path / "two", [task(polygon("path", SMALL), polygon("lawn", LARGE))]), tmp_path / "more")
    assert_drawn(drawn(tmp_path / "more"), [(pixels(LARGE), 0)], IGNORE)


@pytest.mark.parametrize("degrees", [0, 30, 90, -45, 200])
def test_rectangles_are_rotated_clockwise_about_their_first_corner(tmp_path: Path, degrees: float) -> None:
    root = export(tmp_path / "project", [task(rectangle("lawn", 50, 40, 30, 25, degrees))])
    import_labels(root, tmp_path / "data")
    x, y, across, down = 0.5 * WIDTH, 0.4 * HEIGHT, 0.3 * WIDTH, 0.25 * HEIGHT
    # a complex number is a corner; with y downwards, multiplying by exp(i angle) turns clockwise on the screen
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    turned = [complex(x, y) + turn * corner for corner in (0, across, complex(across, down), complex(0, down))]
    assert_drawn(drawn(tmp_path / "data"), [([(point.real, point.imag) for point in turned], 0)], IGNORE)


@pytest.mark.parametrize("degrees", [0, 25, 90, -60])
def test_ellipses_are_rotated_clockwise_about_their_centre(tmp_path: Path, degrees: float) -> None:
    ellipse = entry("ellipse", "lawn", x=50, y=45, radiusX=30, radiusY=15, rotation=degrees)
    import_labels(export(tmp_path / "project", [task(ellipse)]), tmp_path / "data")
    x, y = (centres(HEIGHT, WIDTH) - [0.5 * WIDTH, 0.45 * HEIGHT]).T.reshape(2, HEIGHT, WIDTH)
    angle = math.radians(degrees)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    radius = np.hypot(along / (0.3 * WIDTH), across / (0.15 * HEIGHT))
    labels = drawn(tmp_path / "data")
    assert (labels[radius < 0.87] == 0).all()
    assert (labels[radius > 1.13] == IGNORE).all()


def test_brush_masks_are_drawn_as_label_studio_encoded_them(tmp_path: Path) -> None:
    mask = np.asarray(Image.open(WRITTEN / "brush.png")) > 0
    brush = entry("brush", "path", format="rle", rle=json.loads((WRITTEN / "brush.json").read_text()))
    root = export(tmp_path / "project", [task(rectangle("lawn", 0, 0, 100, 100), brush)])
    import_labels(root, tmp_path / "data")
    assert np.array_equal(drawn(tmp_path / "data"), mask.astype(np.uint8))


def data_url(pixels: np.ndarray, prefix: str = "data:image/png;base64,") -> str:
    """A PNG as a data URL: black where a mask is true, transparent elsewhere; an array of bytes is stored as it is."""
    if pixels.dtype == bool:
        pixels = np.dstack([np.zeros((*pixels.shape, 3), np.uint8), pixels * np.uint8(255)])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return prefix + base64.b64encode(buffer.getvalue()).decode()


def bitmask(url: str | None, label: str = "path") -> dict[str, Any]:
    return entry("bitmask", label, imageDataURL=url)


MASK = np.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.3


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "data-url:image/png;"])
def test_bitmasks_are_the_opaque_pixels_of_their_png(tmp_path: Path, prefix: str) -> None:
    root = export(tmp_path / "project", [task(rectangle("lawn", 0, 0, 100, 100), bitmask(data_url(MASK, prefix)))])
    imported = import_labels(root, tmp_path / "data")
    assert imported.left_out == {}
    assert np.array_equal(drawn(tmp_path / "data"), MASK.astype(np.uint8))


def test_a_pixel_of_a_bitmask_is_inside_if_it_is_half_covered(tmp_path: Path) -> None:
    alpha = np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    url = data_url(np.dstack([np.zeros((HEIGHT, WIDTH, 3), np.uint8), alpha]))
    import_labels(export(tmp_path / "project", [task(bitmask(url))]), tmp_path / "data")
    assert np.array_equal(drawn(tmp_path / "data") == 0, alpha > 127)


def test_the_label_of_a_bitmask_may_be_in_an_entry_of_its_own(tmp_path: Path) -> None:
    sizes = {"original_width": WIDTH, "original_height": HEIGHT}
    value = {"imageDataURL": data_url(MASK)}
    entries = [
        {"id": "m", "type": "bitmask", "value": value, **sizes},
        {"id": "m", "type": "labels", "value": {**value, "labels": ["lawn"]}, **sizes},
    ]
    imported = import_labels(export(tmp_path / "project", [task(*entries)]), tmp_path / "data")
    assert imported.classes == ("lawn",)
    assert np.array_equal(drawn(tmp_path / "data") == 0, MASK)


def test_labels_may_be_in_an_entry_of_their_own(tmp_path: Path) -> None:
    value = {"points": LARGE, "closed": True}
    sizes = {"original_width": WIDTH, "original_height": HEIGHT}
    entries = [
        {"id": "p", "type": "polygon", "value": value, **sizes},
        {"id": "p", "type": "labels", "value": {**value, "labels": ["lawn"]}, **sizes},
        {"id": "q", "type": "polygon", "value": value, **sizes},
    ]
    imported = import_labels(export(tmp_path / "project", [task(*entries)]), tmp_path / "data")
    assert imported.left_out == {"area without a label": 1}
    assert_drawn(drawn(tmp_path / "data"), [(pixels(LARGE), 0)], IGNORE)


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("/data/upload/3/0a1b2c3d-a.jpg", "a.jpg"),
        ("/data/upload/3/0a1b2c3d-a.jpg", "images/0a1b2c3d-a.jpg"),
        ("/data/upload/0a1b2c3d-my%20photo.png", "my photo.png"),
        ("/data/local-files/?d=garden/a.jpg", "garden/a.jpg"),
        ("/data/local-files/?d=mnt%2Fgarden%2Fa.jpg", "photographs/a.jpg"),
        ("/data/local-files/?d=garden%5Ca.jpg", "garden/a.jpg"),
        ("https://example.com/files/a.jpg?token=1&x=2", "a.jpg"),
        ("s3://bucket/garden/a.jpg", "a.jpg"),
        ("a.jpg", "deep/er/a.jpg"),
    ],
)
def test_photographs_are_found_by_their_addresses(tmp_path: Path, image: str, file: str) -> None:
    export(tmp_path / "project", [task(polygon("lawn", LARGE), image=image)], f"../photographs/{file}")
    imported = import_labels(tmp_path / "project", tmp_path / "data", images=tmp_path / "photographs")
    assert imported.images == {"train": 1}
    (copy,) = (tmp_path / "data/images/train").iterdir()
    assert copy.name == Path(file).name


def test_two_photographs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    tasks = [task(polygon("lawn", LARGE), image=f"/data/local-files/?d={name}/a.jpg") for name in ("one", "two")]
    root = export(tmp_path / "project", tasks, "one/a.jpg", "two/a.jpg")
    assert import_labels(root, tmp_path / "data", val_share=0).images == {"train": 2}
    export(root, [task(polygon("lawn", LARGE))], "one/a.jpg")
    with pytest.raises(InputError, match=r"names the image a\.jpg, which can be .*one/a\.jpg or .*two/a\.jpg"):
        import_labels(root, tmp_path / "more")
    assert import_labels(root, tmp_path / "more", images=root / "one").images == {"train": 1}


def test_the_image_may_have_another_key(tmp_path: Path) -> None:
    tasks = [{**task(polygon("lawn", LARGE)), "data": {"text": "a garden", "photo": "s3://x/a.jpg"}}]
    assert import_labels(export(tmp_path / "project", tasks), tmp_path / "data").images == {"train": 1}


def annotation(label: str, updated: str, **more: Any) -> dict[str, Any]:
    return {"result": [polygon(label, LARGE)], "updated_at": updated, **more}


@pytest.mark.parametrize(
    ("changes", "label", "left_out"),
    [
        (
            {"annotations": [annotation("new", "2024-05-02T10:00:00Z"), annotation("old", "2024-05-01T11:00:00Z")]},
            "new",
            {"annotation of a task that has a newer one": 1},
        ),
        (
            {"annotations": [annotation("first", ""), annotation("last", "")]},
            "last",
            {"annotation of a task that has a newer one": 1},
        ),
        (
            {
                "annotations": [
                    annotation("kept", "2024-05-01T10:00:00Z"),
                    annotation("cancelled", "2024-06-01T10:00:00Z", was_cancelled=True),
                ]
            },
            "kept",
            {"annotation that was cancelled (skipped) in Label Studio": 1},
        ),
        (
            {"predictions": [annotation("guess", "")], "annotations": [annotation("kept", "")]},
            "kept",
            {"prediction, which nobody has accepted as an annotation": 1},
        ),
        ({"completions": [annotation("kept", "")], "annotations": None}, "kept", {}),
    ],
)
def test_the_newest_annotation_that_was_not_cancelled_counts(
    tmp_path: Path, changes: dict[str, Any], label: str, left_out: dict[str, int]
) -> None:
    imported = import_labels(export(tmp_path / "project", [task(**changes)]), tmp_path / "data")
    assert imported.classes == (label,)
    assert imported.left_out == left_out


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (polygon("lawn", SMALL[:2]), "polygon of fewer than three corners"),
        (polygon("lawn", [SMALL[0]] * 4), "area of zero size"),
        (polygon("lawn", [(300.0, 0.0), (400.0, 0.0), (400.0, 90.0)]), "area outside of the image"),
        (polygon("lawn", [(math.nan, 0.0), (40.0, 0.0), (40.0, 90.0)]), "area with a coordinate that is not a number"),
        (entry("polygon", "lawn"), "damaged shape"),
        (entry("polygon", None, points=LARGE), "area without a label"),
        (entry("polygon", ["lawn", "path"], points=LARGE), "polygon with several labels"),
        (rectangle("lawn", 10, 10, 0, 20), "area of zero size"),
        (rectangle("lawn", 10, 10, 30, 200), "shape that reaches far out of the image (coordinates are percent)"),
        (entry("ellipse", "lawn", x=10, y=10, radiusX=0, radiusY=3), "area of zero size"),
        (entry("brush", "lawn", format="rle", rle=[1, 2, 3]), "mask whose run lengths do not fit"),
        (entry("brush", "lawn", format="png"), "brush mask in the format 'png'"),
        (bitmask(None), "bitmask without a PNG as a data URL"),
        (bitmask("https://example.com/mask.png"), "bitmask without a PNG as a data URL"),
        (bitmask("data:image/png;base64,iVBORw0KGgo="), "bitmask whose PNG is damaged"),
        (bitmask("data:image/png;base64,%%"), "bitmask whose PNG is damaged"),
        (bitmask(data_url(MASK & False)), "area of zero size"),
        (bitmask(data_url(MASK[1:])), "bitmask of another size than the photograph"),
        (bitmask(data_url(MASK * np.uint8(255))), "bitmask whose PNG has no transparency"),
        ({**bitmask(data_url(MASK)), "image_rotation": 90}, "bitmask on a photograph that was rotated in Label Studio"),
        (entry("keypoint", "lawn", x=1, y=1), "keypointlabels without an area"),
        ({"type": "choices", "value": {"choices": ["good"]}}, "choices without an area"),
        ({**polygon("lawn", LARGE), "image_rotation": 90}, "polygon on a photograph that was rotated in Label Studio"),
    ],
)
def test_a_bad_shape_among_others_is_left_out_and_named(tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
    root = export(tmp_path / "project", [task(polygon("path", SMALL), changes)])
    imported = import_labels(root, tmp_path / "data")
    assert imported.left_out == {kind: 1}
    assert imported.examples == {kind: ["a.jpg"]}
    assert imported.ledger.complete
    assert_drawn(drawn(tmp_path / "data"), [(pixels(SMALL), imported.classes.index("path"))], IGNORE)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (task(image="/data/upload/1/b.jpg", annotations=[]), "task without an annotation"),
        (task(image="/data/upload/1/b.jpg", annotations=[{"was_cancelled": True}]), "task without an annotation"),
        (task(data={"text": "http://[x", "other": "no image"}), "task without an image"),
        (task(data={"text": "no image"}), "task without an image"),
        (task(data={"image": ["a.jpg", "b.jpg"]}), "task without an image"),
        (task(annotations=[3]), "annotation that the export only numbers"),
        ("nothing", "task without an image"),
    ],
)
def test_a_bad_task_among_others_is_left_out_and_named(tmp_path: Path, bad: Any, kind: str) -> None:
    root = export(tmp_path / "project", [task(polygon("lawn", LARGE)), bad])
    imported = import_labels(root, tmp_path / "data")
    assert imported.left_out[kind] == 1
    assert imported.images == {"train": 1}


def test_a_photograph_that_is_missing_is_in_the_ledger(tmp_path: Path) -> None:
    tasks = [task(polygon("lawn", LARGE)), task(polygon("lawn", LARGE), image="/data/upload/1/gone.jpg")]
    imported = import_labels(export(tmp_path / "project", tasks), tmp_path / "data")
    assert imported.images == {"train": 1}
    assert imported.ledger.left_out["the photograph is missing; copy it into the folder"].names == ["gone.jpg"]
    assert not imported.ledger.complete
    assert imported.ledger.used == {"annotation files": 1, "photographs": 1}


def test_an_annotation_without_shapes_is_a_photograph_without_areas(tmp_path: Path) -> None:
    root = export(tmp_path / "project", [task(polygon("lawn", LARGE)), task(image="b.jpg")], "a.jpg", "b.jpg")
    assert import_labels(root, tmp_path / "data", val_share=0).images == {"train": 1}
    assert import_labels(root, tmp_path / "more", background="rest", val_share=0).images == {"train": 2}


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([{"image": "a.jpg", "annotation_id": 3, "annotator": 1, "lead_time": 2}], "JSON-MIN.*project as JSON$"),
        ([], "not a list of tasks of Label Studio; export the project as JSON"),
        ([{"image": "a.jpg"}], "not a list of tasks of Label Studio; export the project as JSON"),
        ({"tasks": []}, "not a list of tasks of Label Studio; export the project as JSON"),
    ],
)
def test_other_files_are_errors_that_name_the_right_export(tmp_path: Path, tasks: Any, message: str) -> None:
    root = export(tmp_path / "project", tasks)
    with pytest.raises(InputError, match=message):
        import_labels(root / "export.json", tmp_path / "data", "label_studio")
    assert not (tmp_path / "data").exists()
    assert detect(root / "export.json") == ("JSON-MIN" in message)


def test_the_command_asks_for_the_folder_of_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path / "project", [task(polygon("lawn", LARGE))], "../photographs/a.jpg")
    command = ["import-labels", str(tmp_path / "project/export.json"), "--out", str(tmp_path / "data")]
    assert main(command) == 2
    assert "names the image a.jpg, which is not in" in " ".join(capsys.readouterr().err.split())
    assert main([*command, "--images", str(tmp_path / "photographs")]) == 0
    assert "read as label_studio, because export.json lists tasks" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("address", ["/data/local-files/?d=20240101-a.jpg", "s3://bucket/20240101-a.jpg"])
def test_eight_digits_are_part_of_a_name_that_was_not_uploaded(tmp_path: Path, address: str) -> None:
    tasks = [task(polygon("lawn", LARGE), image=address), task(polygon("lawn", SMALL), image="/data/upload/1/b.jpg")]
    imported = import_labels(export(tmp_path / "in", tasks, "a.jpg", "b.jpg"), tmp_path / "data")
    assert "20240101-a.jpg" in imported.ledger.left_out["the photograph is missing; copy it into the folder"].names[0]
    assert set(label_maps(tmp_path / "data")) == {"b"}


SEVERAL = {"front": "/data/local-files/?d=a.jpg", "rear": "/data/local-files/?d=b.jpg"}


@pytest.mark.parametrize(
    ("images", "tags", "labelled"),
    [
        (SEVERAL, ("img1", "img2"), None),
        (SEVERAL, ("front", "rear"), None),
        (SEVERAL, ("img1",), None),
        (SEVERAL, ("rear",), "b"),
        ({**SEVERAL, "rear": SEVERAL["front"]}, ("img1",), "a"),
        ({"image": SEVERAL["front"], "link": "http://host/b.html"}, ("img1",), "a"),
    ],
)
def test_the_areas_of_a_task_of_several_images_are_drawn_on_the_right_one_or_left_out(
    tmp_path: Path, images: dict[str, str], tags: tuple[str, ...], labelled: str | None
) -> None:
    shapes = [{**polygon("lawn", LARGE), "to_name": tag} for tag in tags]
    tasks = [task(*shapes, data=images), task(polygon("lawn", SMALL), image="/data/upload/1/c.jpg")]
    source = export(tmp_path / "in", tasks, "a.jpg", "b.jpg", "c.jpg")
    imported = import_labels(source, tmp_path / "data")
    assert set(label_maps(tmp_path / "data")) == {"c", *([labelled] if labelled else [])}
    assert imported.ledger.complete is (labelled is not None)
    if labelled is None:
        entry = next(entry for reason, entry in imported.ledger.left_out.items() if "has several images" in reason)
        assert entry.names == ["a.jpg", "b.jpg"]


def test_an_export_of_tasks_of_several_images_alone_is_an_error(tmp_path: Path) -> None:
    source = export(tmp_path / "in", [task(polygon("lawn", LARGE), data=SEVERAL)], "a.jpg", "b.jpg")
    with pytest.raises(InputError, match="task 1 has several images"):
        import_labels(source, tmp_path / "data")
