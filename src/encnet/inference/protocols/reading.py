"""Reads a protocol from its name, from a YAML file, or from settings as a command line gives them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from encnet.inference.protocols.protocol import NAMED, Protocol, named_protocol
from encnet.system.errors import InputError
from encnet.system.settings import parse_settings


def read_protocol(text: str) -> Protocol:
    """Reads a protocol.

    Args:
        text: a name; the path of a YAML file of settings, which has a suffix; or the settings, in braces. A name among
            settings stands for all that are not given.

    Raises:
        InputError: there is no such protocol or file, or a setting has a wrong name, type or value.
    """
    if text.startswith("{"):
        return _from_yaml(text, "the protocol")
    path = Path(text)
    if not path.suffix:
        return named_protocol(text)
    if not path.is_file():
        raise InputError(
            f"there is no file {path}; give a YAML file of settings, or one of {', '.join(NAMED)}", "protocol"
        )
    try:
        return _from_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as YAML: {error}; give another file", "protocol") from error


def _from_yaml(text: str, source: str) -> Protocol:
    """A protocol from the text of its settings."""
    try:
        settings: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{source} cannot be read as YAML: {' '.join(str(error).split())}; correct it") from error
    name = settings.get("name") if isinstance(settings, dict) else None
    if isinstance(name, str):
        settings = {**asdict(named_protocol(name)), **settings}
    return parse_settings(settings, Protocol, source)
