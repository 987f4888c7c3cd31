"""The progress bar of long work, on standard error."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

from encnet.system.terminal import Terminal
from encnet.system.text import shown

LONGEST: int = 60
"""Characters of a description that are shown."""


class _Description(ProgressColumn):
    """What a task is called, which may be the name of a file."""

    def render(self, task: Task) -> Text:
        return Text(shown(task.description, LONGEST))


def progress_bar(visible: bool = True) -> Progress:
    """Returns a bar that shows description, bar, "done/total" and time left of each task; use it as a context manager.

    Args:
        visible: False shows nothing, for callers that want quiet.
    """
    columns = _Description(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Terminal(stderr=True), disable=not visible)


def shown_step(text: str, visible: bool = True) -> AbstractContextManager[Any]:
    """Shows a step without a known length while it runs, on standard error; where that is no terminal, as one line.

    Args:
        text: what is being done.
        visible: False shows nothing.
    """
    console = Terminal(stderr=True)
    if visible and not console.is_terminal:
        console.print(f"{text} ...", soft_wrap=True, highlight=False)
    return console.status(text) if visible and console.is_terminal else nullcontext()
