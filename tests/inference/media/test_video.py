"""``predict_video``: every frame is predicted, and the results appear together or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from block_network import block_network
from listing import visible
from PIL import Image
from videos import FRAMES, HEIGHT, RATE, WIDTH, av, read_video, video_frames, write_video

from encnet.cli import main
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.media.video import predict_video
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError
from encnet.system.files import write_text


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", video_frames())


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), device="cpu")


def test_every_frame_is_predicted_as_an_image(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    progress: list[tuple[int, int | None]] = []
    written = predict_video(
        predictor, film, tmp_path / "out", frames=True, batch_size=3, progress=lambda *done: progress.append(done)
    )
    labels, lines, overlay, frames = written
    assert [path.name for path in written] == ["film_labels.mkv", "film.jsonl", "film_overlay.mp4", "film_frames"]
    assert visible(tmp_path / "out") == sorted(path.name for path in written)
    assert progress == [(i + 1, FRAMES) for i in range(FRAMES)]
    sources = read_video(film, "rgb24")[0]
    label_maps, rate, _ = read_video(labels, "gray")
    overlays, overlay_rate, _ = read_video(overlay, "rgb24")
    values = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(label_maps) == len(overlays) == len(values) == len(sources) == FRAMES
    assert overlay_rate == RATE
    assert float(rate) == pytest.approx(float(RATE), rel=0.01)  # Matroska stores times in milliseconds
    for i, pixels in enumerate(sources):
        alone = predictor(pixels)
        np.testing.assert_array_equal(label_maps[i], alone.labels)
        with Image.open(frames / f"{i:06d}.png") as png:
            assert png.mode == "P"
            np.testing.assert_array_equal(np.asarray(png), alone.labels)
        assert alone.presence is not None
        expected_values = alone.to_dict()
        assert values[i]["frame"] == i
        assert values[i]["seconds"] == pytest.approx(i / float(RATE), abs=1e-3)
        assert values[i]["shares"] == expected_values["shares"]
        assert values[i]["presence"] == pytest.approx(expected_values["presence"], abs=1e-5)
        colors = np.array(predictor.palette)[alone.labels]
        expected = (pixels.astype(int) + colors) / 2
        assert overlays[i].shape == (HEIGHT, WIDTH, 3)
        assert np.median(np.abs(overlays[i] - expected)) < 20  # lossy
    with av.open(str(labels)) as container:
        tags = {name.lower(): value for name, value in container.metadata.items()}
        assert json.loads(tags["classes"]) == list(predictor.names)


def test_the_context_memory_extends_over_batches(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    _, lines, _ = predict_video(predictor, film, tmp_path / "out", context_memory=0.8, batch_size=3)
    presence = predictor.labels(np.stack(read_video(film, "rgb24")[0]), ContextMemory(0.8))[1]
    alone = predictor.labels(np.stack(read_video(film, "rgb24")[0]))[1]
    assert presence is not None
    assert alone is not None
    assert np.abs(presence - alone).max() > 1e-4
    for line, expected in zip(lines.read_text().splitlines(), presence, strict=True):
        values = json.loads(line)["presence"]
        assert [values[name] for name in predictor.names] == pytest.approx(expected.tolist(), abs=2e-6)


def test_exported_models_predict_videos(film: Path, toy_onnx: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = toy_onnx()
    assert main(["predict", str(model), str(film), "--out", str(tmp_path / "out"), "--overlay", "false"]) == 0
    assert visible(tmp_path / "out") == ["film.jsonl", "film_labels.mkv"]
    label_maps = read_video(tmp_path / "out/film_labels.mkv", "gray")[0]
    predictor = Predictor(model)
    for labels, pixels in zip(label_maps, read_video(film, "rgb24")[0], strict=True):
        np.testing.assert_array_equal(labels, predictor(pixels).labels)


def test_a_context_memory_needs_a_checkpoint(
    film: Path, toy_onnx: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    arguments = ["predict", str(toy_onnx()), str(film), "--out", str(tmp_path / "out"), "--context_memory", "0.9"]
    assert main(arguments) == 2
    assert "or leave out the context memory" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("an error")], ids=["interrupted", "failed"])
def test_an_interruption_leaves_no_files(
    error: BaseException, film: Path, tmp_path: Path, predictor: Predictor
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/film.jsonl").write_text("of an earlier run")

    def interrupt(done: int, total: int | None) -> None:
        if done == 4:
            raise error

    with pytest.raises(type(error)):
        predict_video(predictor, film, tmp_path / "out", frames=True, overwrite=True, progress=interrupt)
    assert visible(tmp_path / "out") == ["film.jsonl"]
    assert (tmp_path / "out/film.jsonl").read_text() == "of an earlier run"


def test_label_maps_of_an_earlier_longer_video_are_deleted(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    folder = tmp_path / "out/film_frames"
    folder.mkdir(parents=True)
    for name in ("000000.png", "000099.png"):
        write_text(folder / name, "a label map")
    for name in ("1.png", "2024_garden.png", "notes.txt"):
        (folder / name).write_text("of the user")
    predict_video(predictor, film, tmp_path / "out", frames=True)
    frames = [f"{i:06d}.png" for i in range(FRAMES)]
    assert visible(folder) == [*frames, "1.png", "2024_garden.png", "notes.txt"]
    assert (folder / "2024_garden.png").read_text() == "of the user"


def test_frames_of_the_user_are_kept(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    folder = tmp_path / "out/film_frames"
    folder.mkdir(parents=True)
    for name in ("000003.png", "000099.png"):
        (folder / name).write_text("extracted by the user")
    with pytest.raises(InputError, match=r"000003\.png \(and 1 more\) exists, and encnet did not write it"):
        predict_video(predictor, film, tmp_path / "out", frames=True)
    assert visible(folder) == ["000003.png", "000099.png"]
    predict_video(predictor, film, tmp_path / "out", frames=True, overwrite=True)
    assert visible(folder) == [*(f"{i:06d}.png" for i in range(FRAMES)), "000099.png"]
    assert (folder / "000099.png").read_text() == "extracted by the user"  # not a frame of this video


def test_the_result_does_not_overwrite_its_source(tmp_path: Path, predictor: Predictor) -> None:
    source = write_video(tmp_path / "film_labels.mkv", video_frames(2), "ffv1")
    before = source.read_bytes()
    with pytest.raises(InputError, match="which is never replaced"):
        predict_video(predictor, source, tmp_path, "film")
    assert source.read_bytes() == before


def test_a_folder_that_cannot_be_created_is_named(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "file").touch()
    for frames in (False, True):
        with pytest.raises(InputError, match="cannot write"):
            predict_video(predictor, film, tmp_path / "file/out", frames=frames)


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("opacity", 1.5), ("context_memory", 1.0)])
def test_a_setting_out_of_range_is_an_error_that_names_it(
    name: str, value: Any, film: Path, tmp_path: Path, predictor: Predictor
) -> None:
    with pytest.raises(InputError, match=f"{name} is {value}; it must be") as caught:
        predict_video(predictor, film, tmp_path / "out", **{name: value})
    assert caught.value.argument == name
