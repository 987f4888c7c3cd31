"""The one error that a user's input can cause."""


class InputError(ValueError):
    """Something the user gave is wrong: a file, a value, an argument.

    The message is one sentence that names the file, the value and the way out. The command line prints it
    and exits with status 2; from Python it is an ordinary ``ValueError``.
    """
