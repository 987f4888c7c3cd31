"""The versions that CI installs, beside what pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
BY_MACHINE = {"torch", "torchvision"}
"""Which versions there are depends on the machine, so they are not locked."""


@pytest.fixture(scope="module")
def locked() -> dict[str, Version]:
    lines = (ROOT / "requirements/locked.txt").read_text(encoding="utf-8").splitlines()
    pinned = [re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines if not line.startswith("#")]
    assert all(pinned)  # neither paths nor addresses
    return {canonicalize_name(match[1]): Version(match[2]) for match in pinned if match}


def test_each_dependency_is_locked_to_a_version_that_is_allowed(locked: dict[str, Version]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    needed = [Requirement(line) for line in (*project["dependencies"], *extras)]
    checked = 0
    for requirement in needed:
        name = canonicalize_name(requirement.name)
        if name in BY_MACHINE | {"encnet"}:
            assert name not in locked
            continue
        assert requirement.specifier.contains(locked[name]), f"{name} {locked[name]}"
        checked += 1
    assert checked > 40


def test_malicious_releases_are_not_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (lightning,) = (Requirement(line) for line in project["dependencies"] if line.startswith("pytorch-lightning"))
    assert not any(lightning.specifier.contains(version) for version in ("2.6.2", "2.6.3"))


def test_each_dependency_has_an_oldest_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lines in (project["dependencies"], *project["optional-dependencies"].values()):
        for requirement in map(Requirement, lines):
            assert requirement.name == "encnet" or any(each.operator == ">=" for each in requirement.specifier)
