from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.palette import distinct_palette
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError

NAMES = ["sky", "road", "car"]


def varied_model(align_corners: bool = False) -> EncNet:
    """Random weights that predict several classes: normalised activations, logits around zero."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=3, align_corners=align_corners)
    images = torch.stack([functional.pil_to_tensor(photo(64, 48, seed)) / 127.5 - 1 for seed in range(4)])
    with torch.no_grad():
        for _ in range(20):
            model.train()(images)
        bias = model.head.classifier.bias
        assert bias is not None
        bias -= model.eval()(images).logits.mean(dim=(0, 2, 3))
    return model


@pytest.fixture(scope="module")
def model() -> EncNet:
    model = varied_model()
    model.info.classes = NAMES
    model.info.palette = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    return model


@pytest.fixture(scope="module")
def predictor(model: EncNet) -> Predictor:
    return Predictor(model, device="cpu")


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def by_hand(model: EncNet, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Labels and presence computed with the network itself."""
    mean, std = np.array(model.info.mean), np.array(model.info.std)
    normalised = (np.asarray(image) / 255 - mean) / std
    with torch.no_grad():
        output = model(torch.tensor(normalised, dtype=torch.float32).permute(2, 0, 1)[None])
        assert output.presence is not None
        return output.logits[0].argmax(0).numpy(), output.presence[0].sigmoid().numpy()


def test_predictions_are_those_of_the_network(model: EncNet) -> None:
    image = photo(41, 33)
    labels, presence = by_hand(model, image)
    result = Predictor(model, Protocol(fill=False), device="cpu")(image)
    assert result.labels.dtype == np.uint8
    assert (result.labels == labels).mean() > 0.999
    assert len(np.unique(labels)) > 1
    assert result.presence == pytest.approx(presence, abs=1e-5)
    assert result.names == tuple(NAMES)
    assert result.palette[2] == (7, 8, 9)


def test_paths_images_and_arrays_give_the_same_prediction(predictor: Predictor, tmp_path: Path) -> None:
    image = photo(40, 32)
    path = tmp_path / "street.png"
    image.save(path)
    expected = predictor(image).labels
    for same in (path, str(path), np.asarray(image), image.convert("RGBA")):
        np.testing.assert_array_equal(predictor(same).labels, expected)
    assert predictor(str(path)).path == path
    assert predictor(image).path is None


def test_a_checkpoint_predicts_as_its_model(model: EncNet, predictor: Predictor, tmp_path: Path) -> None:
    model.save(tmp_path / "model.safetensors")
    loaded = Predictor(tmp_path / "model.safetensors", device="cpu")
    assert loaded.source == str(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded(photo(40, 32)).labels, predictor(photo(40, 32)).labels)


def mixed() -> list[Image.Image]:
    return [photo(40, 32, 0), photo(24, 48, 1), photo(40, 32, 2), photo(40, 32, 3), photo(24, 48, 4)]


def test_batches_of_mixed_sizes_predict_as_single_images(predictor: Predictor) -> None:
    singles = [predictor(image) for image in mixed()]
    for together in (predictor.batch(mixed()), list(predictor.stream(iter(mixed()), batch_size=2))):
        assert len(together) == len(singles)
        for result, single in zip(together, singles, strict=True):
            assert (result.labels == single.labels).mean() > 0.999
            assert result.presence == pytest.approx(single.presence, abs=1e-5)
            assert result.image.tobytes() == single.image.tobytes()


def test_probabilities_do_not_depend_on_the_batch(predictor: Predictor) -> None:
    pixels = torch.stack([torch.tensor(np.asarray(photo(40, 32, seed))).permute(2, 0, 1) for seed in range(3)])
    together, _ = predictor.probabilities(pixels)
    for index in range(3):
        alone, _ = predictor.probabilities(pixels[index : index + 1])
        torch.testing.assert_close(together[index], alone[0], atol=1e-5, rtol=0)


def test_stream_is_lazy(predictor: Predictor) -> None:
    read = []

    def images():
        for seed in range(6):
            read.append(seed)
            yield photo(24, 24, seed)

    next(predictor.stream(images(), batch_size=2))
    assert len(read) == 4  # a batch, and two images in advance


def test_stream_leaves_out_unreadable_images(predictor: Predictor, tmp_path: Path) -> None:
    photo(24, 24).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    paths = [tmp_path / name for name in ("good.png", "bad.png", "missing.png", "good.png")]
    errors: list[InputError] = []
    assert len(list(predictor.stream(paths, on_error=errors.append))) == 2
    assert ["bad.png" in str(errors[0]), "missing.png" in str(errors[1])] == [True, True]
    with pytest.raises(InputError, match=r"bad\.png"):
        list(predictor.stream(paths))
    with pytest.raises(InputError, match="batch_size is 0"):
        list(predictor.stream(paths, batch_size=0))


def test_labels_have_the_size_of_the_image_if_the_network_sees_a_smaller_one() -> None:
    """They are the labels of the small image, enlarged."""
    model = varied_model()
    model.info.long_side = 48
    result = Predictor(model, device="cpu")(photo(96, 64))
    assert result.labels.shape == (64, 96)
    small = Predictor(model, device="cpu")(photo(96, 64).resize((48, 32), Image.Resampling.BILINEAR))
    enlarged = small.labels.repeat(2, axis=0).repeat(2, axis=1)
    assert (enlarged == result.labels).mean() > 0.95
    assert result.names == ("class 0", "class 1", "class 2")
    assert result.palette == distinct_palette(3)


@pytest.mark.parametrize("long_side", [None, 48])
@pytest.mark.parametrize("align_corners", [False, True])
def test_labels_are_the_most_probable_classes(long_side: int | None, align_corners: bool) -> None:
    model = varied_model(align_corners)
    model.info.long_side = long_side
    predictor = Predictor(model, device="cpu")
    pixels = np.stack([np.asarray(photo(57, 70, seed)) for seed in range(3)])
    labels, presence = predictor.labels(pixels)
    probabilities, same_presence = predictor.probabilities(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert labels.dtype == np.uint8
    assert same_presence is not None
    torch.testing.assert_close(torch.tensor(presence), same_presence)
    two = probabilities.topk(2, dim=1).values
    clear = (two[:, 0] - two[:, 1] > 1e-5).numpy()
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(labels[clear], probabilities.argmax(dim=1).numpy()[clear])
    for alone, image in zip(labels, pixels, strict=True):
        assert (predictor(image).labels == alone).mean() > 0.999


def test_labels_of_other_protocols_are_those_of_the_highest_probabilities(model: EncNet) -> None:
    predictor = Predictor(model, Protocol(flip=True), device="cpu")
    pixels = np.stack([np.asarray(photo(40, 32, seed)) for seed in range(2)])
    probabilities, _ = predictor.probabilities(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(predictor.labels(pixels)[0], probabilities.argmax(dim=1).numpy())


def test_training_the_model_does_not_change_its_predictor(model: EncNet) -> None:
    trained = varied_model().train()
    predictor = Predictor(trained, device="cpu")
    before = predictor(photo(40, 32)).presence
    assert trained.training
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(predictor(photo(40, 32)).presence, before)


def test_the_protocol_changes_the_labels(model: EncNet) -> None:
    image = photo(64, 48)
    plain = Predictor(model, device="cpu")(image)
    sliding = Predictor(model, Protocol("sliding", (16, 16)), device="cpu")(image)
    assert (plain.labels != sliding.labels).any()


def test_half_precision_is_close(model: EncNet, predictor: Predictor) -> None:
    pixels = torch.tensor(np.asarray(photo(40, 32))).permute(2, 0, 1)[None]
    half, _ = Predictor(model, device="cpu", precision="bf16").probabilities(pixels)
    full, _ = predictor.probabilities(pixels)
    assert half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.05


def test_arguments_that_do_not_work_are_errors(model: EncNet) -> None:
    with pytest.raises(InputError, match="device 'gpu'"):
        Predictor(model, device="gpu")
    with pytest.raises(InputError, match="precision is 'int4'"):
        Predictor(model, device="cpu", precision="int4")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        Predictor(model, device="cpu", precision="fp16")
    unnamed = create_model("encnet_tiny", num_classes=3)
    unnamed.info.classes = ["one"]
    with pytest.raises(InputError, match="3 classes, but 1 class name"):
        Predictor(unnamed, device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error(model: EncNet) -> None:
    with pytest.raises(InputError, match="'cuda' cannot be used"):
        Predictor(model, device="cuda")
    assert Predictor(model).engine.device == "cpu"
