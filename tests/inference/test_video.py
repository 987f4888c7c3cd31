"""Videos: written by PyAV, predicted, and read back: as many pictures, as large, labels without loss."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from block_network import block_network
from PIL import Image

from encnet.cli import main
from encnet.errors import InputError
from encnet.inference import video_files
from encnet.inference.context_memory import ContextMemory
from encnet.inference.predictor import Predictor
from encnet.inference.video import predict_video
from encnet.inference.video_files import VideoWriter, open_video

av: Any = pytest.importorskip("av")

FRAMES, HEIGHT, WIDTH, RATE = 7, 48, 64, Fraction(30000, 1001)


def pictures(count: int = FRAMES, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    """A bright square that moves over a dark ground."""
    found = []
    for i in range(count):
        picture = np.full((height, width, 3), (30, 60, 90), np.uint8)
        picture[8:24, 4 * i : 4 * i + 16] = (220, 180 - 20 * i, 40)
        found.append(picture)
    return found


def write(
    path: Path, frames: list[np.ndarray], codec: str = "mpeg4", rate: Fraction = RATE, places: list[int] | None = None
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for place, pixels in zip(places or range(len(frames)), frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = place, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path: Path, format: str) -> tuple[list[np.ndarray], Fraction, list[float]]:
    """Pictures, pictures a second, and times."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [(frame.to_ndarray(format=format), frame.time) for frame in container.decode(stream)]
        return [pixels for pixels, _ in found], Fraction(stream.average_rate), [time for _, time in found]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write(tmp_path / "film.mp4", pictures())


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), device="cpu")


def test_every_picture_is_predicted_as_it_is_alone(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    told: list[tuple[int, int | None]] = []
    written = predict_video(
        predictor, film, tmp_path / "out", frames=True, batch_size=3, progress=lambda *done: told.append(done)
    )
    labels, lines, overlay, frames = written
    assert [path.name for path in written] == ["film_labels.mkv", "film.jsonl", "film_overlay.mp4", "film_frames"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written)
    assert told == [(i + 1, FRAMES) for i in range(FRAMES)]
    seen = read(film, "rgb24")[0]
    found, rate, _ = read(labels, "gray")
    shown, overlay_rate, _ = read(overlay, "rgb24")
    said = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(found) == len(shown) == len(said) == len(seen) == FRAMES
    assert overlay_rate == RATE
    assert float(rate) == pytest.approx(float(RATE), rel=0.01)  # Matroska counts in milliseconds
    for i, pixels in enumerate(seen):
        alone = predictor(pixels)
        np.testing.assert_array_equal(found[i], alone.labels)
        with Image.open(frames / f"{i:06d}.png") as png:
            assert png.mode == "P"
            np.testing.assert_array_equal(np.asarray(png), alone.labels)
        assert alone.presence is not None
        own = alone.to_dict()
        assert said[i]["frame"] == i
        assert said[i]["seconds"] == pytest.approx(i / float(RATE), abs=1e-3)
        assert said[i]["shares"] == own["shares"]
        assert said[i]["presence"] == pytest.approx(own["presence"], abs=1e-5)
        colors = np.array(predictor.palette)[alone.labels]
        expected = (pixels.astype(int) + colors) / 2
        assert shown[i].shape == (HEIGHT, WIDTH, 3)
        assert np.median(np.abs(shown[i] - expected)) < 20  # lossy
    with av.open(str(labels)) as container:
        tags = {name.lower(): value for name, value in container.metadata.items()}
        assert json.loads(tags["classes"]) == list(predictor.names)


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (33, 64)])
def test_odd_sides_are_kept(size: tuple[int, int], tmp_path: Path, predictor: Predictor) -> None:
    film = write(tmp_path / "odd.mkv", pictures(2, *size), "ffv1")
    labels, _, overlay = predict_video(predictor, film, tmp_path / "out")
    assert read(labels, "gray")[0][0].shape == size
    assert read(overlay, "rgb24")[0][0].shape == (*size, 3)


def test_without_an_encoder_of_h264_it_is_mpeg4(
    film: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    for rate in (RATE, Fraction(90000, 3001)):
        source = film if rate == RATE else write(tmp_path / "film.mkv", pictures(), "ffv1", rate)
        overlay = predict_video(predictor, source, tmp_path / "out")[2]
        with av.open(str(overlay)) as container:
            assert container.streams.video[0].codec_context.name == "mpeg4"
            assert float(container.streams.video[0].average_rate) == pytest.approx(float(rate), rel=1e-3)
        assert len(read(overlay, "rgb24")[0]) == FRAMES


def test_a_rate_that_varies_keeps_its_times(tmp_path: Path, predictor: Predictor) -> None:
    """Of a picture every 0.1 s some are left out, as phones do in the dark."""
    places = [0, 1, 4, 5, 9]
    film = write(tmp_path / "film.mkv", pictures(len(places)), "ffv1", Fraction(10), places)
    labels, lines, overlay = predict_video(predictor, film, tmp_path / "out")
    assert [json.loads(line)["seconds"] for line in lines.read_text().splitlines()] == [p / 10 for p in places]
    for path, format in ((labels, "gray"), (overlay, "rgb24")):
        times = read(path, format)[2]
        assert len(times) == len(places)
        assert times[-1] - times[0] == pytest.approx(0.9, abs=0.25)  # to a place of the average rate


def test_context_memory_is_carried_from_picture_to_picture(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    _, lines, _ = predict_video(predictor, film, tmp_path / "out", context_memory=0.8, batch_size=3)
    presence = predictor.labels(np.stack(read(film, "rgb24")[0]), ContextMemory(0.8))[1]
    alone = predictor.labels(np.stack(read(film, "rgb24")[0]))[1]
    assert presence is not None
    assert alone is not None
    assert np.abs(presence - alone).max() > 1e-4
    for line, expected in zip(lines.read_text().splitlines(), presence, strict=True):
        said = json.loads(line)["presence"]
        assert [said[name] for name in predictor.names] == pytest.approx(expected.tolist(), abs=2e-6)


def test_every_engine_predicts_videos(film: Path, toy_onnx: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = toy_onnx()
    assert main(["predict", str(model), str(film), "--out", str(tmp_path / "out"), "--overlay", "false"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film.jsonl", "film_labels.mkv"]
    found = read(tmp_path / "out/film_labels.mkv", "gray")[0]
    predictor = Predictor(model)
    for labels, pixels in zip(found, read(film, "rgb24")[0], strict=True):
        np.testing.assert_array_equal(labels, predictor(pixels).labels)


def test_memory_needs_a_checkpoint(
    film: Path, toy_onnx: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    arguments = ["predict", str(toy_onnx()), str(film), "--out", str(tmp_path / "out"), "--context_memory", "0.9"]
    assert main(arguments) == 2
    assert "or leave out the context memory" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError])
def test_nothing_half_written_is_left(
    error: type[BaseException], film: Path, tmp_path: Path, predictor: Predictor
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/film.jsonl").write_text("of an earlier run")

    def interrupt(done: int, total: int | None) -> None:
        if done == 4:
            raise error

    with pytest.raises(error):
        predict_video(predictor, film, tmp_path / "out", frames=True, progress=interrupt)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.jsonl"]
    assert (tmp_path / "out/film.jsonl").read_text() == "of an earlier run"


def test_label_maps_of_an_earlier_longer_run_are_gone(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    folder = tmp_path / "out/film_frames"
    folder.mkdir(parents=True)
    for name in ("000000.png", "000099.png", "notes.txt"):
        (folder / name).touch()
    predict_video(predictor, film, tmp_path / "out", frames=True)
    assert sorted(path.name for path in folder.iterdir()) == [f"{i:06d}.png" for i in range(FRAMES)] + ["notes.txt"]


def test_what_is_no_video_is_said(tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(InputError, match=r"cannot read .*text\.mp4 as a video"):
        predict_video(predictor, tmp_path / "text.mp4", tmp_path / "out")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    with pytest.raises(InputError, match=r"sound\.wav holds no pictures, only audio"):
        predict_video(predictor, tmp_path / "sound.wav", tmp_path / "out")
    with pytest.raises(InputError, match=r"there is no file .*missing\.mp4"):
        predict_video(predictor, tmp_path / "missing.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_result_does_not_take_the_place_of_its_source(tmp_path: Path, predictor: Predictor) -> None:
    source = write(tmp_path / "film_labels.mkv", pictures(2), "ffv1")
    before = source.read_bytes()
    with pytest.raises(InputError, match="would take the place of"):
        predict_video(predictor, source, tmp_path, "film")
    assert source.read_bytes() == before


def test_pictures_are_turned_upright(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a phone that was held upright writes them: lying on the side, with a rotation to be shown with."""
    straight = [frame.pixels for frame in _frames(film)]

    class Turned:
        """A decoded picture that is said to be turned."""

        def __init__(self, frame: Any) -> None:
            self._frame, self.rotation = frame, -90

        def __getattr__(self, name: str) -> Any:
            return getattr(self._frame, name)

    with open_video(film) as video:
        decoded = [Turned(frame) for frame in video._container.decode(video._stream)]
        monkeypatch.setattr(video, "_container", type("Container", (), {"decode": lambda self, stream: decoded})())
        turned = [frame.pixels for frame in video]
    for before, after in zip(straight, turned, strict=True):
        np.testing.assert_array_equal(after, before[::-1].transpose(1, 0, 2))  # clockwise


def _frames(path: Path) -> list[video_files.VideoFrame]:
    with open_video(path) as video:
        return list(video)


def test_a_folder_that_cannot_be_written_to_is_said(film: Path, tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "file").touch()
    for frames in (False, True):
        with pytest.raises(InputError, match="cannot write"):
            predict_video(predictor, film, tmp_path / "file/out", frames=frames)

    def write_all() -> None:
        with VideoWriter(tmp_path / "none/film.mp4", RATE, lossless=False) as writer:
            for place in range(3):
                writer.write(pictures(1)[0], place)

    with pytest.raises(InputError, match=r"cannot write .*none/film\.mp4: No such file"):
        write_all()


def test_without_pyav_it_is_said_what_to_install(
    film: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(video_files, "import_module", refuse)
    with pytest.raises(InputError, match=r"pip install 'encnet\[video\]'"):
        predict_video(predictor, film, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"opacity": 1.5}, {"context_memory": 1.0}])
def test_wrong_settings_are_named(wrong: dict[str, Any], film: Path, tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(InputError, match=r"must be at least|at least 1, and from 0 to 1"):
        predict_video(predictor, film, tmp_path / "out", **wrong)
