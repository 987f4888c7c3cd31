"""Video files: sizes, frame rates and orientations are kept, and damaged files are named."""

from __future__ import annotations

import json
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from block_network import block_network
from videos import FRAMES, RATE, av, read_video, video_frames, write_video

from encnet.inference.media import video_files
from encnet.inference.media.video import predict_video
from encnet.inference.media.video_files import VideoWriter, open_video
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", video_frames())


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), device="cpu")


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (33, 64)])
def test_odd_sides_are_kept(size: tuple[int, int], tmp_path: Path, predictor: Predictor) -> None:
    film = write_video(tmp_path / "odd.mkv", video_frames(2, *size), "ffv1")
    labels, _, overlay = predict_video(predictor, film, tmp_path / "out")
    assert read_video(labels, "gray")[0][0].shape == size
    assert read_video(overlay, "rgb24")[0][0].shape == (*size, 3)


def test_overlays_are_mpeg4_without_an_h264_encoder(
    film: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    for rate in (RATE, Fraction(90000, 3001)):
        source = film if rate == RATE else write_video(tmp_path / "film.mkv", video_frames(), "ffv1", rate)
        overlay = predict_video(predictor, source, tmp_path / "out")[2]
        with av.open(str(overlay)) as container:
            assert container.streams.video[0].codec_context.name == "mpeg4"
            assert float(container.streams.video[0].average_rate) == pytest.approx(float(rate), rel=1e-3)
        assert len(read_video(overlay, "rgb24")[0]) == FRAMES


def test_times_are_kept_if_the_frame_rate_varies(tmp_path: Path, predictor: Predictor) -> None:
    """Some of the frames at intervals of 0.1 s are missing, as in videos that phones take in the dark."""
    positions = [0, 1, 4, 5, 9]
    film = write_video(tmp_path / "film.mkv", video_frames(len(positions)), "ffv1", Fraction(10), positions)
    labels, lines, overlay = predict_video(predictor, film, tmp_path / "out")
    assert [json.loads(line)["seconds"] for line in lines.read_text().splitlines()] == [p / 10 for p in positions]
    for path, format in ((labels, "gray"), (overlay, "rgb24")):
        times = read_video(path, format)[2]
        assert len(times) == len(positions)
        assert times[-1] - times[0] == pytest.approx(0.9, abs=0.25)  # rounded to a position at the average rate


def test_frames_are_turned_upright(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Phones held upright store frames lying on their side, with a rotation for display."""
    straight = _pixels(film)

    class Turned:
        """A decoded frame with a rotation."""

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


def _pixels(path: Path) -> list[np.ndarray]:
    with open_video(path) as video:
        return [frame.pixels for frame in video]


def test_files_that_are_no_videos_are_named(tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(InputError, match=r"cannot read .*text\.mp4 as a video"):
        predict_video(predictor, tmp_path / "text.mp4", tmp_path / "out")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    with pytest.raises(InputError, match=r"sound\.wav has no frames, only audio"):
        predict_video(predictor, tmp_path / "sound.wav", tmp_path / "out")
    with pytest.raises(InputError, match=r"there is no file .*missing\.mp4"):
        predict_video(predictor, tmp_path / "missing.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_video_that_ends_too_early_is_damaged(tmp_path: Path, predictor: Predictor) -> None:
    film = write_video(tmp_path / "film.mkv", 3 * video_frames(), "ffv1", Fraction(10))
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    message = r"film\.mkv is damaged after \d+ frames \(it ends at [01]\.\d0 of 2\.10 seconds\); repair it"
    with pytest.raises(InputError, match=message):
        predict_video(predictor, film, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_frame_that_the_decoder_fills_in_is_damaged(tmp_path: Path, predictor: Predictor) -> None:
    random = np.random.default_rng(0)
    frames = [random.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(8)]
    film = write_video(tmp_path / "film.mp4", frames)
    whole = film.read_bytes()
    third = len(whole) // 3
    film.write_bytes(whole[:third] + bytes(third) + whole[2 * third :])
    with pytest.raises(InputError, match=r"film\.mp4 is damaged after [1-4] frames? \(the next one is incomplete\)"):
        predict_video(predictor, film, tmp_path / "out")


def test_a_video_with_longer_sound_is_not_damaged(tmp_path: Path, predictor: Predictor) -> None:
    """The duration of a file is that of its longest stream; that of the video is stated beside it."""
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as container:
        stream, sound = container.add_stream("ffv1", rate=10), container.add_stream("pcm_s16le", rate=8000)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        for pixels in video_frames(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 24000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    assert len(read_video(predict_video(predictor, film, tmp_path / "out")[0], "gray")[0]) == 4


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    def write_all() -> None:
        with VideoWriter(tmp_path / "none/film.mp4", RATE, lossless=False) as writer:
            for position in range(3):
                writer.write(video_frames(1)[0], position)

    with pytest.raises(InputError, match=r"cannot write .*none/film\.mp4: No such file"):
        write_all()


def test_the_error_without_pyav_names_the_extra(
    film: Path, tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(video_files, "import_module", refuse)
    with pytest.raises(InputError, match=r"pip install 'encnet\[video\]'"):
        predict_video(predictor, film, tmp_path / "out")
    assert not (tmp_path / "out").exists()
