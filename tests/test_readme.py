"""The README says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import encnet
from encnet.cli import VERBS
from encnet.model.variants import list_models

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_names_every_module() -> None:
    tree = README.split("```\nsrc/encnet/\n")[1].split("```")[0]
    named = set(re.findall(r"[\w.]+\.py", tree))
    modules = {file.name for file in (ROOT / "src/encnet").rglob("*.py")} - {"__init__.py"}
    assert len(modules) > 40
    assert modules - named == set()
    assert named - modules == {"__init__.py", "hubconf.py"}


def test_every_verb_and_variant_is_one_that_exists() -> None:
    commands = re.findall(r"^\s*encnet ([\w-]+)", README, flags=re.MULTILINE)
    assert len(commands) >= 5
    assert set(commands) <= set(VERBS)
    assert set(list_models()) <= set(re.findall(r"encnet_\w+", README))


def test_every_public_name_is_documented() -> None:
    for name in encnet.__all__:
        assert (getattr(encnet, name).__doc__ or "").strip(), name
