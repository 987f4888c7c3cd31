"""The rooms of the package, in the order of the import contract, and the imports between them as a graph."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

Arrows = Mapping[str, set[str]]
"""Room -> rooms that it imports from."""


def layers() -> list[list[str]]:
    """The rooms of the package from top to bottom, those beside each other in one list, without the package's name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rows = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [[name.strip() for name in row.split("|")] for row in rows if row != "benchmarks"]
    return [[name.removeprefix("encnet.") for name in row] for row in names]


def arrows_between(graph: Any, rooms: Iterable[str]) -> dict[str, set[str]]:
    """The rooms that each room imports from directly."""
    rooms = list(rooms)
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        room = room_of(module)
        if room in found:
            others = {room_of(other) for other in graph.find_modules_directly_imported_by(module)}
            found[room] |= others & set(rooms) - {room}
    return found


def reduced(arrows: Arrows) -> dict[str, set[str]]:
    """The arrows that no chain of other arrows stands for."""

    def reach(room: str) -> set[str]:
        return {room}.union(*(reach(other) for other in arrows[room]))

    return {
        room: {other for other in others if not any(other in reach(way) for way in others - {other})}
        for room, others in arrows.items()
    }


def circles(graph: Any) -> list[set[str]]:
    """Sets of modules that import each other in a circle, also by imports inside functions (Tarjan's algorithm)."""
    modules = sorted(module for module in graph.modules if not graph.find_children(module))
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            if other not in modules:
                continue
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            circle = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(circle) > 1:
                found.append(circle)

    for module in modules:
        if module not in number:
            visit(module)
    return found


def longest_chain(arrows: Arrows) -> list[str]:
    """The longest way from a room along its arrows."""

    def chain(room: str, seen: frozenset[str]) -> list[str]:
        ways = [chain(other, seen | {room}) for other in arrows[room] - seen]
        return [room, *max(ways, key=len, default=[])]

    return max((chain(room, frozenset()) for room in arrows), key=len)


def room_of(module: str) -> str:
    """The room of a module; empty for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""
