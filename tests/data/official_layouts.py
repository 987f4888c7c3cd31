"""Small copies of published data sets, each in the layout in which its official archive unpacks.

Every ``make_*(root)`` writes one into the folder ``root`` and gives the folder that a user would hand to encnet, with
at least 4 images to train and 2 to validate, 64 x 96 pixels. Label maps hold every value that the real ones may hold.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH, BLOCK = 64, 96, 8
BLOCKS = (HEIGHT // BLOCK, WIDTH // BLOCK)
HERE = Path(__file__).parent
HAS_SCIPY = importlib.util.find_spec("scipy") is not None

CITIES = {"train": ("aachen", "ulm"), "val": ("lindau",), "test": ("berlin",)}

# The order of 59_labels.txt, in which the label maps of 59_context_labels/ count, and its own spelling of three names.
CONTEXT_59_LABELS = """\
aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa
train tvmonitor bag bed bench book building cabinet ceiling clothes computer cup door fence floor flower food grass
ground keyboard light mountain mouse curtain platform sign plate road rock shelves sidewalk sky snow bedcloth track tree
truck wall water window wood"""

# Of the data set's own class table; the last colour of the maps, (0, 128, 128), is one that the table does not name.
CAMVID32 = """\
64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\tTrafficCone
0 64 64\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\tTunnel
192 192 0\tVegetationMisc
0 0 0\tVoid
64 192 0\tWall
"""


def blocks(values: Sequence[int], index: int) -> np.ndarray:
    """A label map (64, 96) uint16 of 8 x 8 blocks; consecutive ``index`` go through all ``values``."""
    count = BLOCKS[0] * BLOCKS[1]
    chosen = np.resize(np.roll(values, -index * count), count).reshape(BLOCKS)
    return np.kron(chosen, np.ones((BLOCK, BLOCK), dtype=np.int64)).astype(np.uint16)


def write_photograph(path: Path, labels: np.ndarray) -> None:
    """An RGB image that differs from every other one and tells the values of ``labels`` apart."""
    rng = np.random.default_rng(sum(path.name.encode()))
    colors = np.stack([labels * 37 % 251, labels * 101 % 241, labels * 59 % 239], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(colors + rng.integers(-8, 9, colors.shape), 0, 255).astype(np.uint8)).save(path)


def write_grey(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels.astype(np.uint8)).save(path)


def write_palette(path: Path, labels: np.ndarray) -> None:
    """A palette PNG with colours of no meaning: only the indices count."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.frombytes("P", (labels.shape[1], labels.shape[0]), labels.astype(np.uint8).tobytes())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
    image.save(path)


def write_matlab(path: Path, variables: dict[str, Any]) -> None:
    """A MATLAB 5 file, compressed as those of the data sets are."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables, do_compression=True)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def make_ade20k(root: Path, train: int = 4, val: int = 2) -> Path:
    """ADEChallengeData2016/ of the scene parsing challenge: 0 is what no class covers, 1 to 150 are classes."""
    archive = root / "ADEChallengeData2016"
    for folder, name, count in (("training", "train", train), ("validation", "val", val)):
        for index in range(count):
            labels = blocks(range(151), index)
            stem = f"ADE_{name}_{index + 1:08d}"
            write_photograph(archive / "images" / folder / f"{stem}.jpg", labels)
            write_grey(archive / "annotations" / folder / f"{stem}.png", labels)
    shutil.copy(HERE / "ade20k_objectInfo150.txt", archive / "objectInfo150.txt")
    write_lines(archive / "sceneCategories.txt", ["ADE_train_00000001 airport_terminal"])
    return root


def make_cityscapes(root: Path, train: int = 4, val: int = 2) -> Path:
    """leftImg8bit/ and gtFine/ as the two archives unpack side by side; the test split's label maps are dummies."""
    for split, count in (("train", train), ("val", val), ("test", 2)):
        for index in range(count):
            city = CITIES[split][index % len(CITIES[split])]
            labels = blocks(range(34), index)
            stem = f"{city}_{index:06d}_000019"
            write_photograph(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", labels)
            truth = root / "gtFine" / split / city
            ids = np.where(labels <= 3, labels, 0) if split == "test" else labels
            write_grey(truth / f"{stem}_gtFine_labelIds.png", ids)
            write_photograph(truth / f"{stem}_gtFine_color.png", ids)
            write_grey(truth / f"{stem}_gtFine_instanceIds.png", ids)
            (truth / f"{stem}_gtFine_polygons.json").write_text("{}")
    return root


def make_voc(root: Path, train: int = 4, val: int = 2, sbd: str | None = "mat" if HAS_SCIPY else "png") -> Path:
    """VOCdevkit/VOC2012/, and SBD beside it as its archive unpacks (``"mat"``) or converted into VOC2012/ (``"png"``).

    SBD lists one image of VOC train and one of VOC val, and three that have no label map in VOC.
    """
    voc = root / "VOCdevkit" / "VOC2012"
    stems = {"train": [f"2007_{i:06d}" for i in range(train)], "val": [f"2008_{i:06d}" for i in range(val)]}
    values = [*range(21), 255]
    for split in ("train", "val"):
        for index, stem in enumerate(stems[split]):
            labels = blocks(values, index)
            write_photograph(voc / "JPEGImages" / f"{stem}.jpg", labels)
            write_palette(voc / "SegmentationClass" / f"{stem}.png", labels)
            write_palette(voc / "SegmentationObject" / f"{stem}.png", labels)
        write_lines(voc / "ImageSets" / "Segmentation" / f"{split}.txt", stems[split])
    write_lines(voc / "ImageSets" / "Segmentation" / "trainval.txt", sorted(stems["train"] + stems["val"]))
    if sbd is None:
        return root
    more = [f"2009_{i:06d}" for i in range(3)]
    for index, stem in enumerate(more):
        write_photograph(voc / "JPEGImages" / f"{stem}.jpg", blocks(range(21), index))
    if sbd == "png":
        for index, stem in enumerate([*more, *stems["train"], *stems["val"]]):
            write_grey(voc / "SegmentationClassAug" / f"{stem}.png", blocks(range(21), index))
        return root
    listed = {"train": [more[0], stems["train"][0], more[1]], "val": [stems["val"][0], more[2]]}
    dataset = root / "benchmark_RELEASE" / "dataset"
    for split, members in listed.items():
        write_lines(dataset / f"{split}.txt", members)
        for index, stem in enumerate(members):
            labels = blocks(range(21), index)
            write_photograph(dataset / "img" / f"{stem}.jpg", labels)
            boundaries = np.empty((20, 1), dtype=object)
            for category in range(20):
                boundaries[category, 0] = np.zeros((2, 2))
            present = np.unique(labels[labels > 0])[:, None]
            segmentation = {"Segmentation": labels.astype(np.uint8), "Boundaries": boundaries}
            write_matlab(dataset / "cls" / f"{stem}.mat", {"GTcls": {**segmentation, "CategoriesPresent": present}})
    return root


def make_pascal_context(root: Path, train: int = 4, val: int = 2, maps: str = "SegmentationClassContext") -> Path:
    """VOCdevkit/VOC2010/ with its Main lists, and the label maps of PASCAL Context in one of three ways.

    ``maps`` is ``"SegmentationClassContext"`` (0 to 59 in alphabetical order, lists of its own) in VOC2010/, or beside
    VOCdevkit/ ``"59_context_labels"`` (0 to 59 in the order of 59_labels.txt) or ``"trainval"`` (MATLAB files of 459
    classes, with labels.txt).
    """
    voc = root / "VOCdevkit" / "VOC2010"
    stems = {"train": [f"2008_{i:06d}" for i in range(train)], "val": [f"2010_{i:06d}" for i in range(val)]}
    for split in ("train", "val"):
        for index, stem in enumerate(stems[split]):
            labels = blocks(range(460 if maps == "trainval" else 60), index)
            write_photograph(voc / "JPEGImages" / f"{stem}.jpg", labels)
            if maps == "trainval":
                write_matlab(root / maps / f"{stem}.mat", {"LabelMap": labels})
            else:
                write_grey((voc if maps == "SegmentationClassContext" else root) / maps / f"{stem}.png", labels)
        write_lines(voc / "ImageSets" / "Main" / f"{split}.txt", stems[split])
        # VOC 2010's own task, of 21 classes and fewer images, which PASCAL Context does not use.
        write_palette(voc / "SegmentationClass" / f"{stems[split][0]}.png", blocks([*range(21), 255], 0))
        write_lines(voc / "ImageSets" / "Segmentation" / f"{split}.txt", stems[split][:1])
        if maps == "SegmentationClassContext":
            write_lines(voc / "ImageSets" / "SegmentationContext" / f"{split}.txt", stems[split])
    if maps == "59_context_labels":
        numbered = enumerate(CONTEXT_59_LABELS.split(), start=1)
        write_lines(root / "59_labels.txt", [f"{number}: {name}" for number, name in numbered])
    if maps == "trainval":
        shutil.copy(HERE / "pascal_context_labels.txt", root / "labels.txt")
    return root


def make_camvid32(root: Path, train: int = 4, val: int = 2) -> Path:
    """701_StillsRaw_full/, LabeledApproved_full/ and label_colors.txt; the customary split goes by frame number."""
    rows = [line.split()[:3] for line in CAMVID32.splitlines()]
    colors = np.array([*rows, (0, 128, 128)], dtype=np.uint8)
    frames = [f"0001TP_{6690 + 30 * i:06d}" for i in range(train)] + [f"0016E5_{7959 + 2 * i:05d}" for i in range(val)]
    for index, stem in enumerate(frames):
        labels = blocks(range(33), index)
        write_photograph(root / "701_StillsRaw_full" / f"{stem}.png", labels)
        (root / "LabeledApproved_full").mkdir(exist_ok=True)
        Image.fromarray(colors[labels]).save(root / "LabeledApproved_full" / f"{stem}_L.png")
    (root / "label_colors.txt").write_text(CAMVID32)
    return root


MAKERS: dict[str, Callable[..., Path]] = {
    "ade20k": make_ade20k,
    "camvid": make_camvid32,
    "cityscapes": make_cityscapes,
    "pascal_context": make_pascal_context,
    "voc": make_voc,
}
"""Format name -> what writes a small copy."""
