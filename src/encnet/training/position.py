"""How far a run has come, read from the state that it resumes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from encnet.system.errors import InputError, first_line
from encnet.system.text import counted
from encnet.training.callbacks import LAST_MODEL
from encnet.training.config import TrainConfig
from encnet.training.state_files import StateFile, intact_state


@dataclass(frozen=True)
class Position:
    """The position of a run. Runs of version 0.1 did not store all of it."""

    step: int
    """Steps of the optimiser that are done."""
    batches: int | None
    """Batches per epoch and process."""
    processes: int | None
    """Processes that train together, one per device."""
    validated: int | None
    """Step of the last validation."""
    waited: int
    """Validations since the best mean IoU."""
    file: StateFile | None = field(default=None, compare=False)
    """The state that was read."""

    @classmethod
    def of(cls, folder: Path) -> Position:
        """Reads the position of the run in a folder.

        Raises:
            InputError: the folder has no state, or a damaged one.
        """
        file = intact_state(folder)
        try:
            state: dict[str, Any] = torch.load(file.path, map_location="cpu", weights_only=True, mmap=True)
            data, validation = state.get("TrainingData", {}), state["callbacks"].get("Validation", {})
            return cls(
                state["global_step"],
                data.get("batches"),
                data.get("processes"),
                validation.get("step"),
                validation.get("waited", 0),
                file,
            )
        except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, ValueError, AttributeError) as error:
            raise InputError(
                f"{file.path} cannot be read as the state of a run ({first_line(error)}); start a new run from "
                f"{folder / LAST_MODEL}"
            ) from error

    def epochs(self, config: TrainConfig) -> float | None:
        """Returns the epochs that are done, fractions included; None if the run did not store its batches."""
        per_epoch = self._steps_per_epoch(config)
        return None if per_epoch is None else self.step / per_epoch

    def goal(self, config: TrainConfig) -> int | None:
        """Returns the step at which a run with these settings ends; None if the run did not store its batches."""
        per_epoch = self._steps_per_epoch(config)
        return config.steps if config.steps is not None else None if per_epoch is None else config.epochs * per_epoch

    def complete(self, config: TrainConfig) -> str:
        """Returns why a run with these settings has nothing left to do, and what continues it, as clauses.

        The text is empty if something is left to do.
        """
        goal = self.goal(config)
        if self.validated != self.step or goal is None:
            return ""
        if self.step >= goal:
            number, unit = (config.epochs, "epochs") if config.steps is None else (config.steps, "steps")
            return f"its {unit}, {number}, are done; give more {unit} to continue it"
        if 0 < config.patience <= self.waited:
            return (
                f"it stopped after {counted(self.waited, 'validation')} without a better mean IoU; give a patience"
                f" above {self.waited}, or 0, to continue it"
            )
        return ""

    def _steps_per_epoch(self, config: TrainConfig) -> int | None:
        return None if self.batches is None else math.ceil(self.batches / config.optimizer.accumulate)


class Resumed(NamedTuple):
    """Where a run resumes, and the settings that it had until then."""

    position: Position
    config: TrainConfig

    @property
    def file(self) -> Path:
        """The state to resume from."""
        assert self.position.file is not None
        return self.position.file.path
