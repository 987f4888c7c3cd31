"""The console for tables and bars: text in them is shown as it is, never read as markup."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from encnet.system.text import shown


class Terminal(Console):
    """A console of rich that reads no markup in text, and shows it as :func:`shown` does; it may have lines.

    Args:
        options: those of ``rich.console.Console``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Renders text, also that of the cells of tables."""
        return super().render_str("\n".join(map(shown, text.split("\n"))), **options)
