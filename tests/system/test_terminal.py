"""Text in tables, lines and bars is never markup, and never an escape sequence."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from encnet.system.progress import progress_bar
from encnet.system.terminal import Terminal

HOSTILE = ["[/red]", "[bold]x[/bold]", "[link=file:///x]y", ":smile:", "\x1b[2J", "\x1b]0;t\x07", "\udcff", "\x9b1m"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = text.encode("unicode_escape").decode()
    table = Table(text, title=text, caption=f"{text}\nsecond line")
    table.add_row(text)
    output = io.StringIO()
    terminal = Terminal(file=output, width=60)
    terminal.print(table)
    terminal.print(text)
    assert output.getvalue().count(expected) == 5
    with progress_bar() as bar:
        bar.add_task(text, total=1)
    error = capsys.readouterr().err
    assert expected in error
    assert not {"\x1b", "\x07", "\x9b", "\udcff"} & {*output.getvalue(), *error}
