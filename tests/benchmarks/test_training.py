"""The training benchmark: steps train, the plain form has the same loss, the report follows from the seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import peak
from benchmarks.comparison import PreparedForm
from benchmarks.document import page_of
from benchmarks.measure import gigaflop
from benchmarks.peak import Gemm
from benchmarks.steps import WAYS, LibraryStep, Step, plain_loss, random_batch, sgd_step, step_forms
from benchmarks.training import benchmark_training
from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import plain
from encnet.losses.encnet_loss import EncNetLoss
from encnet.system.errors import InputError

SHAPE = (2, 64, 64)


def test_the_plain_loss_is_the_loss() -> None:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 4)
    images, labels = random_batch(SHAPE, 4, torch.contiguous_format)
    output = model(images)
    torch.testing.assert_close(plain_loss(output, labels, 4), EncNetLoss(4)(output, labels).total)


def test_a_step_lowers_the_loss() -> None:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 3, dropout=0.0).train()
    images, labels = random_batch(SHAPE, 3, torch.channels_last)
    totals: list[float] = []

    def total() -> torch.Tensor:
        loss = EncNetLoss(3)(model(images, full_size=False), labels).total
        totals.append(loss.item())
        return loss

    step = sgd_step(model, total)
    for _ in range(8):
        step()
    assert totals[-1] < totals[0]


def test_arithmetic_of_a_step_is_that_of_both_passes() -> None:
    network = plain(create_model("encnet_tiny", 4, dropout=0.0)).train()
    images, labels = random_batch(SHAPE, 4, torch.channels_last)
    loss = EncNetLoss(4)
    computed = gigaflop(lambda: loss(network(images, full_size=False), labels).total.backward())
    # The first convolution's images need no derivative; the loss upsamples by products of matrices.
    assert Step("encnet", "fp32", "encnet_tiny", 4).gigaflop(SHAPE) == pytest.approx(computed, rel=0.1)


def test_steps_of_every_way_and_of_the_library_run() -> None:
    forms = step_forms("encnet_tiny", 4, [way for way in WAYS if "compiled" not in way])
    assert {"encnet", "encnet, recompute"} <= {form.name for form in forms}
    forms.append(LibraryStep("smp FPN", "fp32", "FPN", "resnet18", 4))
    for form in forms:
        assert isinstance(form, PreparedForm)
        form.prepare(SHAPE)()


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "FLOP_OF_A_RUN", 1e7)
    kernels = [Gemm(128, 128, 128)]
    path = benchmark_training(
        tmp_path, "encnet_tiny", 4, SHAPE[1:], SHAPE[0], 1, ["encnet"], ["plain"], rival="encnet", kernels=kernels
    )
    report = json.loads(path.read_text())
    assert report["rival"] == "encnet"
    ours, plain = report["forms"]
    assert (ours["name"], plain["name"]) == ("encnet", "plain form")
    assert ours["times_faster"] == 1
    assert plain["times_faster"] == pytest.approx(ours["median_seconds"] / plain["median_seconds"])
    assert ours["gigaflop"] == pytest.approx(plain["gigaflop"])
    assert min(ours["added_megabytes"], plain["added_megabytes"]) > 1
    assert path.with_suffix(".png").is_file()
    assert "## Training step, encnet_tiny at 64x64" in page_of(tmp_path, "performance")


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch is 1"):
        benchmark_training(tmp_path, batch=1)
    with pytest.raises(InputError, match="no way 'fast'"):
        benchmark_training(tmp_path, ways=["fast"])
    with pytest.raises(InputError, match="no rival 'caffe'"):
        benchmark_training(tmp_path, "encnet_tiny", rivals=["caffe"])
    assert not list(tmp_path.iterdir())
