"""The progress bar writes to standard error, or not at all."""

from __future__ import annotations

import pytest

from encnet.system.progress import progress_bar, shown_step


def run_task(visible: bool) -> bool:
    with progress_bar(visible) as progress:
        task = progress.add_task("Images", total=3)
        for _ in range(3):
            progress.advance(task)
        return progress.finished


def test_bar_shows_description_and_number_done_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_task(visible=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Images" in captured.err and "3/3" in captured.err


def test_invisible_bar_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_task(visible=False)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", "")


@pytest.mark.parametrize("visible", [True, False])
def test_a_step_is_one_line_where_there_is_no_terminal(visible: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with shown_step("tracing [/red]\x1b", visible):
        captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("tracing [/red]\\x1b ...\n" if visible else "")
