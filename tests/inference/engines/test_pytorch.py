import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.inference.engines.engine import Precision
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.system.errors import InputError


def model(variant: str = "encnet_tiny", **options: Any) -> EncNet:
    """An untrained network whose batch norms have statistics of images, so that activations have a normal range."""
    torch.manual_seed(0)
    network = create_model(variant, 4, **options)
    with torch.no_grad():
        for seed in range(10):
            network.train()(torch.from_numpy(images(2, seed=seed)).permute(0, 3, 1, 2) / 127.5 - 1)
    return network


def images(batch: int = 1, height: int = 45, width: int = 62, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def by_hand(network: EncNet, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits at the resolution of the head, and presence, computed with the network itself in float64."""
    network = copy.deepcopy(network).double().eval()
    normalised = (pixels / 255 - np.array(network.info.mean)) / np.array(network.info.std)
    with torch.no_grad():
        output = network(torch.from_numpy(normalised).permute(0, 3, 1, 2), full_size=False)
        assert output.presence is not None
        return output.logits.numpy(), network.presence_probabilities(output.presence).numpy()


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("encnet_tiny", {}),
        ("encnet_tiny", {"presence_loss": "mse", "align_corners": True}),
        ("encnet_tiny", {"head": "fullres"}),
        ("encnet_tiny", {"jpu": True, "output_stride": 32}),
        ("encnet_lite0", {}),
    ],
    ids=["tiny", "mse", "full resolution", "jpu", "lite0"],
)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 0.1)])
def test_scores_are_those_of_the_network(
    variant: str, options: dict[str, Any], precision: Precision, tolerance: float
) -> None:
    network = model(variant, **options)
    engine = PyTorchEngine(network, "cpu", precision)
    pixels = images(2)
    logits, presence = by_hand(network, pixels)
    found = engine(pixels)
    assert isinstance(found.logits, torch.Tensor)
    assert isinstance(found.presence, torch.Tensor)
    assert found.logits.dtype == found.presence.dtype == torch.float32
    assert found.logits.shape == logits.shape
    assert np.abs(found.logits.numpy() - logits).max() < tolerance * np.ptp(logits)
    assert np.abs(found.presence.numpy() - presence).max() < tolerance
    if precision != "fp32":
        assert (found.logits.numpy() != np.asarray(PyTorchEngine(network, "cpu")(pixels).logits)).any()


def test_the_model_does_not_change() -> None:
    network = model()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modules = [type(module) for module in network.modules()]
    for precision in ("fp32", "bf16"):
        PyTorchEngine(network, "cpu", precision)(images())
    assert network.training
    assert [type(module) for module in network.modules()] == modules
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert list(network.state_dict()) == list(before)
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == before[name].dtype
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_the_encoding_stays_in_float32() -> None:
    network = PyTorchEngine(model(lateral=True), "cpu", "bf16").network
    kinds = {name: parameter.dtype for name, parameter in network.named_parameters()}
    assert kinds["head.classifier.weight"] == kinds["backbone.network.conv1.0.weight"] == torch.bfloat16
    for name in ("head.context.semantics.encoding.codewords", "head.context.gamma.weight", "head.presence.weight"):
        assert kinds[name] == torch.float32
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_read_only_and_strided_images_give_the_same_scores() -> None:
    engine, pixels = PyTorchEngine(model(), "cpu"), images()
    expected = engine(pixels).logits
    read_only = pixels.copy()
    read_only.flags.writeable = False
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    for same in (read_only, planes):
        torch.testing.assert_close(engine(same).logits, expected)


def test_devices_and_precisions_that_do_not_work_are_errors() -> None:
    with pytest.raises(InputError, match="device 'gpu' cannot be used"):
        PyTorchEngine(model(), "gpu")
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        PyTorchEngine(model(), "cpu", "fp16")


@pytest.mark.slow
def test_the_compiled_network_computes_the_same() -> None:
    network = model()
    engine = PyTorchEngine(network, "cpu", compiled=True)
    for pixels in (images(1), images(2, 37, 80), images(3, 64, 64)):
        logits, presence = by_hand(network, pixels)
        found = engine(pixels)
        assert np.abs(np.asarray(found.logits) - logits).max() < 1e-4 * np.ptp(logits)
        assert np.abs(np.asarray(found.presence) - presence).max() < 1e-4


@pytest.mark.slow
def test_a_missing_compiler_is_an_error(tmp_path: Path) -> None:
    model().save(tmp_path / "model.safetensors")
    code = (
        "import numpy as np, encnet\n"
        "predictor = encnet.Predictor('model.safetensors', device='cpu', engine='compile')\n"
        "try:\n    predictor(np.zeros((32, 32, 3), np.uint8))\n"
        "except encnet.InputError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "CXX": "/nonexistent/g++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "install the C++ compiler" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1
