"""The drawing and the tree of docs/architecture.md are those of the code as it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import room_imports

from tools import architecture


def test_the_drawing_is_up_to_date() -> None:
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.svg(), (
        "run: python tools/architecture.py draw"
    )


def test_the_tree_is_up_to_date() -> None:
    page = architecture.PAGE.read_text(encoding="utf-8")
    assert page == architecture.with_tree(page), "run: python tools/architecture.py draw"


def test_the_package_has_no_loose_modules_and_no_circles() -> None:
    figures = architecture.figures().splitlines()
    assert [line.strip() for line in figures if line.startswith(("loose", "circles"))] == [
        "loose modules: 0",
        "circles: 0",
    ]


class Graph(SimpleNamespace):
    """Imports as grimp has them: module -> modules that it imports."""

    imports: dict[str, set[str]]

    @property
    def modules(self) -> set[str]:
        return set(self.imports)

    def find_children(self, module: str) -> set[str]:
        return {other for other in self.imports if other.startswith(f"{module}.")}

    def find_modules_directly_imported_by(self, module: str) -> set[str]:
        return self.imports[module]


@pytest.fixture
def graph() -> Graph:
    imports = {"p": set(), "p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.b", "p.d"}, "p.d": set(), "p.e": {"p.d", "p.a"}}
    return Graph(imports=imports)


def test_circles_are_found(graph: Graph) -> None:
    assert room_imports.circles(graph) == [{"p.b", "p.c"}]
    graph.imports["p.d"] = {"p.e"}
    assert room_imports.circles(graph) == [{"p.a", "p.b", "p.c", "p.d", "p.e"}]


def test_arrows_that_follow_from_others_are_left_out() -> None:
    arrows = {"top": {"middle", "bottom"}, "middle": {"bottom"}, "bottom": set()}
    assert room_imports.reduced(arrows) == {"top": {"middle"}, "middle": {"bottom"}, "bottom": set()}
    assert room_imports.longest_chain(arrows) == ["top", "middle", "bottom"]
