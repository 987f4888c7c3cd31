"""Several processes minimise the loss of one process that has all of their images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing, nn

from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.processes import mean_over_processes, training_processes
from encnet.losses.terms import HardPixels
from encnet.model.output import EncNetOutput

CLASSES = 3
LOSSES = {
    "plain": {},
    "weights": {"class_weights": [1.0, 5.0, 0.2]},
    "jaccard": {"jaccard_weight": 0.7},
    "hard": {"hard_pixels": HardPixels(confidence=0.3, fraction=0.0)},
    "hardest": {"hard_pixels": HardPixels(confidence=0.05, fraction=0.3), "jaccard_weight": 0.7},
    "mse": {"presence_loss": "mse", "se_weight": 1.0},
}


class Scores(nn.Module):
    """Class scores, those of an auxiliary head, and presence of two stages."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Conv2d(2, 2 * CLASSES, 1)
        self.images = nn.Linear(2, 2 * CLASSES)

    def forward(self, images: Tensor) -> EncNetOutput:
        logits, aux = self.pixels(images).chunk(2, dim=1)
        presence, stage3 = self.images(images.mean(dim=(2, 3))).chunk(2, dim=1)
        return EncNetOutput(logits=logits, aux_logits=aux, presence=presence, stage3_presence=stage3)


def batch(labelled: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Four images, each with a number of labelled rows."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 2, 8, 8, generator=generator)
    labels = torch.randint(0, CLASSES, (4, 8, 8), generator=generator)
    for label, rows in zip(labels, labelled, strict=True):
        label[rows:] = 255
    return images, labels


def gradients(options: dict[str, object], images: Tensor, labels: Tensor) -> list[Tensor]:
    torch.manual_seed(0)
    scores = Scores()
    EncNetLoss(CLASSES, **options)(scores(images), labels).total.backward()  # type: ignore[arg-type]
    return [parameter.grad for parameter in scores.parameters() if parameter.grad is not None]


LABELLED = ((8, 8, 1, 0), (0, 0, 3, 8), (0, 0, 0, 0))
"""Labelled rows of each image; the second process has the last two images."""


def process(rank: int, folder: str) -> None:
    """What each of two processes computes: the gradients of its images, averaged over both."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found: dict[str, list[Tensor]] = {}
    for name, options in LOSSES.items():
        for case, labelled in enumerate(LABELLED):
            images, labels = batch(labelled)
            own = gradients(options, images[2 * rank : 2 * rank + 2], labels[2 * rank : 2 * rank + 2])
            for gradient in own:
                dist.all_reduce(gradient)
            found[f"{name}{case}"] = [gradient / 2 for gradient in own]
    with torch.no_grad():
        assert training_processes() == 1, "an evaluation in one process does not wait for the others"
        mean_over_processes(torch.zeros(1))
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    """The averaged gradients as each process has them, by loss and case."""
    folder: Path = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(process, (str(folder),), nprocs=2)  # pyright: ignore[reportPrivateImportUsage]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("case", range(len(LABELLED)))
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_one_process(name: str, case: int, found: list[dict[str, list[Tensor]]]) -> None:
    expected = gradients(LOSSES[name], *batch(LABELLED[case]))
    assert any(bool(gradient.any()) for gradient in expected) == any(LABELLED[case])
    for of_rank in found:
        torch.testing.assert_close(of_rank[f"{name}{case}"], expected, rtol=1e-5, atol=1e-7)
