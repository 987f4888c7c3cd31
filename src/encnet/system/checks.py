"""Range checks of arguments, all with the same error message."""

from __future__ import annotations

from encnet.system.errors import InputError
from encnet.system.text import shortened


def require(condition: bool, name: str, value: object, allowed: str) -> None:
    """Raises an error that names an argument unless its value is in range.

    Args:
        condition: whether the value is in range.
        name: name of the argument, "size" or "loss.se_weight" for example.
        value: value of the argument, for the message, which shows at most 200 characters of it.
        allowed: the allowed values, as the end of the sentence "it must be ...".

    Raises:
        InputError: ``condition`` is false; its ``argument`` is ``name``.
    """
    if not condition:
        raise InputError(f"{name} is {shortened(str(value))}; it must be {allowed}", name)
