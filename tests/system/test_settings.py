"""A wrong setting is named, with its file and with what it must be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.settings import parse_settings, setting_types, wrong_value


@dataclass
class Shade:
    """A shade."""

    colour: Literal["red", "green"] = "red"
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        require(self.size is None or min(self.size) > 0, "shade.size", self.size, "positive")


@dataclass
class Lamp:
    """A lamp with a shade."""

    shade: Shade = field(default_factory=Shade)
    watts: int | Literal["auto"] = "auto"
    hours: list[float] = field(default_factory=list)
    options: dict[str, Any] | None = None


def test_settings_are_read_with_the_types_of_the_fields() -> None:
    lamp = parse_settings({"shade": {"size": [2, 3]}, "watts": 7, "hours": [1]}, Lamp, "lamp.yaml")
    assert lamp == Lamp(Shade("red", (2, 3)), 7, [1.0])
    assert list(setting_types(Lamp)) == ["shade", "shade.colour", "shade.size", "watts", "hours", "options"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([1], "lamp.yaml must hold settings by name, not [1]"),
        ({"shade": None}, "lamp.yaml: shade must hold settings by name, not None"),
        ({"wats": 1}, "lamp.yaml: there is no setting wats; did you mean watts?"),
        ({"colour": "red"}, "lamp.yaml: there is no setting colour; did you mean shade.colour?"),
        ({"shades": {"size": 1}}, "lamp.yaml: there is no setting shades.size; did you mean shade.size?"),
        ({3: 4}, "lamp.yaml: there is no setting 3"),
        ({"watts": "1e400"}, "lamp.yaml: watts is 1e400; it must be a whole number or auto"),
        ({"shade": {"colour": "blue"}}, "lamp.yaml: shade.colour is blue; it must be one of red, green"),
        ({"shade": {"size": 3}}, "lamp.yaml: shade.size is 3; it must be a list of two numbers"),
        ({"hours": "long"}, "lamp.yaml: hours is long; it must be a list of numbers"),
        ({"options": 3}, "lamp.yaml: options is 3; it must be settings by name"),
        ({"shade": {"size": [0, 1]}}, "lamp.yaml: shade.size is (0, 1); it must be positive"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_sentence_that_names_the_file(settings: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_settings(settings, Lamp, "lamp.yaml")
    assert str(error.value) == message


def test_other_messages_of_the_parser_are_no_wrong_values() -> None:
    assert wrong_value("Unrecognized arguments: --lamp", {"lamp": int}) is None
    assert wrong_value("Parser key \"other\": Expected a <class 'int'>. Got value: x", {"lamp": int}) is None
