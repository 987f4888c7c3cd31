"""The README is short, and what it names exists; its commands and snippets are tested with those of the other pages."""

from __future__ import annotations

import re
from math import isclose
from pathlib import Path

import pytest

import encnet
from encnet.cli import VERBS

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.zh.md"]
PAGES = re.compile(r"\]\((docs/\w+\.md)")


@pytest.fixture(params=READMES)
def readme(request: pytest.FixtureRequest) -> str:
    return (ROOT / request.param).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of its table, row by row, without the two lines of the heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_readme_has_at_most_150_lines(readme: str) -> None:
    assert len(readme.splitlines()) <= 150


def test_readme_names_paths_that_exist(readme: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", readme)
    paths = re.findall(r"`((?:src|docs|tests|benchmarks|tools)/[^`\s]*)`", readme)
    assert len(links) > 15
    for path in [*links, *paths]:
        assert (ROOT / path).exists(), path


def test_readme_links_to_every_page_of_the_documentation(readme: str) -> None:
    assert set(PAGES.findall(readme)) == {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}


def test_readme_shows_make_demo_and_make_test(readme: str) -> None:
    targets = re.findall(r"^make ([\w-]+)", readme, flags=re.MULTILINE)
    assert targets == ["demo", "test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in [*targets, *re.findall(r"`make ([\w-]+)`", readme)]:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_readme_shows_verbs_that_exist(readme: str) -> None:
    verbs = set(re.findall(r"^encnet ([\w-]+)", readme, flags=re.MULTILINE))
    assert len(verbs) >= 6
    assert verbs <= set(VERBS)


def test_readme_table_has_figures_of_the_documentation(readme: str) -> None:
    pages = [(ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("figures.md", "performance.md")]
    numbers = [float(number) for page in pages for number in re.findall(r"\d+\.?\d*", page)]
    table = rows(readme)
    assert len(table) >= 7
    for row in table:
        figures = re.findall(r"(\d+\.?\d*) (?:%|ms|s|MB|GB)", " ".join(row[1:3]))
        assert figures, row
        for figure in map(float, figures):  # the page may have milliseconds where the table has seconds
            assert any(isclose(figure, n, rel_tol=1e-3) or isclose(figure, n / 1000, rel_tol=1e-3) for n in numbers), (
                row
            )


def test_readmes_have_the_same_figures_commands_and_machines() -> None:
    def facts(page: str) -> list[tuple[list[str], list[str], str]]:
        return [
            (re.findall(r"\d+\.?\d*", " ".join(row[1:3])), re.findall(r"`[^`]+`", row[3]), row[4])
            for row in rows((ROOT / page).read_text(encoding="utf-8"))
        ]

    assert facts("README.zh.md") == facts("README.md")


def test_readmes_have_the_same_links() -> None:
    def links(page: str) -> set[str]:
        return set(re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))) - set(READMES)

    assert links("README.zh.md") == links("README.md")


def test_public_names_have_docstrings() -> None:
    for name in encnet.__all__:
        assert (getattr(encnet, name).__doc__ or "").strip(), name
