"""The error for wrong input, and a helper that quotes the errors of libraries in its message."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave is wrong: a file, a value, an argument.

    The message is one sentence that names the file or the argument, the value and the way out. The command line adds
    its own flag for the argument, prints the sentence and exits with status 2; from Python it is an ordinary
    ``ValueError``.

    Args:
        message: the sentence, in the words of Python: arguments by name, no flags of the command line.
        argument: name of the wrong argument, ``"size"`` or ``"protocol.crop"`` for example; None if a file is wrong.
    """

    def __init__(self, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.argument = argument


def first_line(error: BaseException, length: int = 200) -> str:
    """Returns the class of an error and the first line of its message, to be quoted in a sentence.

    Args:
        error: an error of a library; its message may have many lines, or none.
        length: maximum number of characters of the line.
    """
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:length]}" if lines else type(error).__name__
