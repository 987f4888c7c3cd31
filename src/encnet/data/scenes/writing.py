"""Generated scenes as a data set on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.dataset import SPLITS
from encnet.data.formats.dataset_yaml import FILE_NAME
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.scenes.scene import MIN_HEIGHT, MIN_WIDTH, PALETTE, PLACES, generate_scene, require_whole, scene_labels
from encnet.system.errors import InputError
from encnet.system.files import staging
from encnet.system.unwritable import unwritable

KINDS: tuple[str, ...] = ("images", "labels")

RECORD: str = "scenes.json"
"""File in the folder that records the arguments of :func:`write_scenes` and the generator's version."""

GENERATOR: int = 1
"""Version of the generator; rises when a seed gives another scene, so that older folders are not taken for new ones."""


def write_scenes(
    root: str | Path,
    *,
    train: int = 240,
    val: int = 60,
    test: int = 60,
    seed: int = 0,
    height: int = 160,
    width: int = 320,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes scenes in the folder format: ``images/train/0000.png``, ``labels/train/0000.png``, ..., ``dataset.yaml``.

    The three places take turns. A folder that already holds exactly these scenes is left as it is. The folder gets its
    name once everything in it is written, so that an interrupted run leaves nothing that looks complete.

    Args:
        root: the folder to make.
        train, val, test: number of scenes of each split, from 0; a split without scenes is left out.
        seed: a whole number from 0; a scene depends only on the seed, its split and its number within the split.
        height, width: size in pixels, as for :func:`generate_scene`.
        progress: called after each scene with the number of scenes done and the number of all scenes.

    Returns:
        ``root`` as a path.

    Raises:
        InputError: an argument is out of its range, the folder holds something else, or it cannot be written.
    """
    root, counts = Path(root), {"train": train, "val": val, "test": test}
    for name, count in counts.items():
        require_whole(name, count, 0)
    require_whole("seed", seed, 0)
    require_whole("height", height, MIN_HEIGHT)
    require_whole("width", width, MIN_WIDTH)
    if not any(counts.values()):
        raise InputError("train, val and test are 0, which makes no scenes; give at least one of them a number from 1")
    # int() makes NumPy integers writable as JSON
    sizes = {**counts, "seed": seed, "height": height, "width": width}
    record = {"generator": GENERATOR, **{name: int(value) for name, value in sizes.items()}}
    if _holds(root, record):
        return root
    target = root.absolute()
    with staging(target, root) as folder:
        _write(folder / "scenes", record, progress)
        try:
            if target.exists():
                target.rmdir()  # it is empty; not every system renames onto an empty folder
            (folder / "scenes").replace(target)
        except OSError as error:
            if not _holds(root, record):  # another process may have been faster
                raise unwritable(root, error) from error
    return root


def _holds(root: Path, record: Mapping[str, int]) -> bool:
    """Whether ``root`` holds the scenes of ``record``; False if it holds nothing, InputError if anything else."""
    try:
        if not root.exists() or (root.is_dir() and not any(root.iterdir())):
            return False
        found = json.loads((root / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found != record:
        raise InputError(f"{root} already holds something other than these scenes; delete it or choose another folder")
    for path in _files(root, record):
        if not path.is_file():
            raise InputError(f"{path} is missing from the generated scenes; delete {root} to have them written again")
    return True


def _files(root: Path, record: Mapping[str, int]) -> list[Path]:
    """Every file of the data set."""
    jobs = [(kind, split, index) for kind in KINDS for split in SPLITS for index in range(record[split])]
    return [*(root / kind / split / _file_name(index) for kind, split, index in jobs), root / FILE_NAME]


def _file_name(index: int) -> str:
    return f"{index:04d}.png"


def _write(root: Path, record: Mapping[str, int], progress: Callable[[int, int], None] | None) -> None:
    """Writes the whole folder; ``root`` does not exist yet."""
    folders = {split: {kind: f"{kind}/{split}" for kind in KINDS} for split in SPLITS if record[split]}
    for split, kind in product(folders, KINDS):
        (root / folders[split][kind]).mkdir(parents=True)
    palette = [channel for color in PALETTE for channel in color]
    jobs = [(stream, split, index) for stream, split in enumerate(SPLITS) for index in range(record[split])]
    for done, (stream, split, index) in enumerate(jobs, start=1):
        seed = np.random.SeedSequence((record["seed"], stream, index)).generate_state(1, np.uint64)[0]
        place = PLACES[index % len(PLACES)]
        scene = generate_scene(int(seed), place, height=record["height"], width=record["width"])
        label = Image.fromarray(scene.label)
        label.putpalette(palette)
        for kind, picture in zip(KINDS, (Image.fromarray(scene.image), label), strict=True):
            picture.save(root / folders[split][kind] / _file_name(index), compress_level=1)
        if progress is not None:
            progress(done, len(jobs))
    write_dataset_yaml(root / FILE_NAME, scene_labels(), folders, "scenes")
    (root / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
