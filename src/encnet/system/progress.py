"""The progress bar of long work, on standard error."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(visible: bool = True) -> Progress:
    """Returns a bar that shows description, bar, "done/total" and time left of each task; use it as a context manager.

    Args:
        visible: False shows nothing, for callers that want quiet.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), disable=not visible)
