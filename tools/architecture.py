"""The rooms of the package and who imports whom: as figures, and as the drawing of docs/architecture.md.

    python tools/architecture.py figures    # of the package that Python imports: run it in two checkouts to compare
    python tools/architecture.py draw       # writes docs/pictures/architecture.svg and the tree in docs/architecture.md

Rooms and their order come from the import contract in pyproject.toml, arrows from the imports of the code itself.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import grimp
from room_imports import ROOT, Arrows, arrows_between, circles, layers, longest_chain, reduced, room_of

PICTURE = ROOT / "docs/pictures/architecture.svg"
PAGE = ROOT / "docs/architecture.md"
TREE = ("<!-- tree: written by tools/architecture.py -->\n```\n", "```\n<!-- end of the tree -->")
"""What stands before and after the tree in the page."""
LONG = 250
"""Lines from which on a file is long."""


def figures() -> str:
    """What can be counted, of whatever ``encnet`` Python imports."""
    graph = grimp.build_graph("encnet", cache_dir=None)
    folder = Path(__import__("encnet").__file__).parent
    at_home = ("__init__.py", "__main__.py", "cli.py")
    loose = sorted(path.name for path in folder.glob("*.py") if path.name not in at_home)
    rooms = sorted({room_of(module) for module in graph.modules} - {"", "__main__"})
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    long = sorted(str(path.relative_to(folder)) for path, count in lines.items() if count > LONG)
    chain = longest_chain(arrows_between(graph, rooms))
    found = [" + ".join(sorted(circle)) for circle in circles(graph)]
    return "\n".join(
        [
            f"{len(lines)} files, {sum(lines.values())} lines",
            f"loose modules: {len(loose)} {', '.join(loose)}",
            f"circles: {len(found)} {'; '.join(found)}",
            f"longest chain of rooms: {len(chain)}: {' -> '.join(chain)}",
            f"files of more than {LONG} lines: {len(long)} {', '.join(long)}",
        ]
    )


def svg() -> str:
    """The drawing: a row for each layer, a box for each room with its first sentence, arrows reduced."""
    rows, folder = layers(), ROOT / "src/encnet"
    graph = grimp.build_graph("encnet", cache_dir=None)
    arrows = reduced(arrows_between(graph, [room for row in rows for room in row]))
    width, height, gap, step, left = 760, 46, 24, 82, 150
    boxes: dict[str, tuple[float, float, float]] = {}
    for i, row in enumerate(rows):
        each = min(420.0, (width - gap * (len(row) - 1)) / len(row))
        start = left + (width - each * len(row) - gap * (len(row) - 1)) / 2
        for j, room in enumerate(row):
            boxes[room] = (start + j * (each + gap), 20 + i * step, each)
    parts = [_head(left * 2 + width, 20 + len(rows) * step)]
    parts += _drawn_arrows(arrows, boxes, height, rows)
    for room, (x, y, box_width) in boxes.items():
        sentence = _described(folder, room)
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{box_width:.0f}" height="{height}" rx="7"/>')
        parts.append(f'<text class="room" x="{x + 12:.0f}" y="{y + 19:.0f}">{escape(room)}</text>')
        parts.append(f'<text class="says" x="{x + 12:.0f}" y="{y + 36:.0f}">{escape(_cut(sentence, box_width))}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def tree(folder: Path = ROOT / "src/encnet", indent: int = 0) -> str:
    """The files of the package, each with the first sentence of its docstring; rooms in the order of the contract."""
    order = [room for row in layers() for room in row]
    entries = [path for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    if indent == 0:
        entries.sort(key=lambda path: (path.is_dir(), order.index(path.stem) if path.stem in order else -1, path.name))
    else:
        entries.sort(key=lambda path: (path.is_dir(), path.name))
    lines = []
    for path in entries:
        file = path / "__init__.py" if path.is_dir() else path
        says = _first_sentence(file)
        if path.name == "__init__.py" and indent:
            continue
        name = " " * indent + path.name + "/" * path.is_dir()
        lines.append(f"{name:<32} {says}".rstrip())
        if path.is_dir():
            lines.append(tree(path, indent + 2).rstrip("\n"))
    return "\n".join(line for line in lines if line) + "\n"


def with_tree(page: str) -> str:
    """The page with the tree as it is now."""
    before, after = TREE
    start, end = page.index(before) + len(before), page.index(after)
    return page[:start] + tree() + page[end:]


def _drawn_arrows(
    arrows: Arrows, boxes: Mapping[str, tuple[float, float, float]], height: int, rows: Sequence[Sequence[str]]
) -> list[str]:
    """An arrow to the next row is straight; one that passes rows goes round them in a lane of its own, and comes from
    above.
    """
    level = {room: i for i, row in enumerate(rows) for room in row}
    left = min(x for x, _, _ in boxes.values())
    right = max(x + width for x, _, width in boxes.values())
    middle, drawn, lanes = (left + right) / 2, [], {-1: 0, 1: 0}
    leaving, entering = Counter[str](), Counter[str]()
    for room in sorted(arrows, key=lambda name: level[name]):
        for other in sorted(arrows[room], key=lambda name: (level[name], name)):
            (x, y, width), (other_x, other_y, other_width) = boxes[room], boxes[other]
            a, b = x + width / 2, other_x + other_width / 2
            if level[other] == level[room] + 1:
                drawn.append(f'<path d="M{a:.0f} {y + height:.0f} L{b:.0f} {other_y - 5:.0f}"/>')
                continue
            side = -1 if a < middle or (a == middle and lanes[-1] <= lanes[1]) else 1
            lanes[side] += 1
            leaving[room] += 1
            entering[other] += 1
            turn = (left if side < 0 else right) + side * (6 + 11 * lanes[side])
            start_x, start_y = (x if side < 0 else x + width), y + 6 + 9 * leaving[room]
            above, end_x = other_y - 9 - 4 * (sum(lanes.values()) % 6), b + side * 14 * entering[other]
            drawn.append(
                f'<path d="M{start_x:.0f} {start_y:.0f} H{turn:.0f} V{above:.0f} H{end_x:.0f} V{other_y - 5:.0f}"/>'
            )
    return drawn


def _head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n'
        "<title>The rooms of encnet and which of them import which: imports point down</title>\n"
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>\n'
        "<style>svg{background:#fbfaf7} rect{fill:#fff;stroke:#2f6f9f;stroke-width:1.4}"
        "path{fill:none;stroke:#8a9199;stroke-width:1.1;marker-end:url(#a)} .tip{fill:#8a9199;stroke:none}"
        "text{font:14px system-ui,sans-serif;fill:#1f2328} .room{font-weight:600}"
        " .says{font-size:11.5px;fill:#5b626b}</style>"
    )


def _described(folder: Path, room: str) -> str:
    """The first sentence of a room's docstring."""
    path = folder / f"{room}.py"
    return _first_sentence(path if path.is_file() else folder / room / "__init__.py")


def _first_sentence(file: Path) -> str:
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(doc.split("\n\n")[0].split()).split(". ")[0].rstrip(".").replace("``", "").replace(":class:", "")


def _cut(text: str, width: float) -> str:
    letters = int((width - 24) / 6.1)
    return text if len(text) <= letters else text[: letters - 1].rstrip(" ,:;") + "…"


def main() -> None:
    """Prints the figures, or writes the drawing and the tree."""
    if sys.argv[1:] == ["draw"]:
        PICTURE.write_text(svg(), encoding="utf-8")
        PAGE.write_text(with_tree(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {PICTURE} and the tree in {PAGE}")
    else:
        print(figures())


if __name__ == "__main__":
    main()
