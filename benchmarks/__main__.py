"""`python -m benchmarks`: a command line with the errors, flags and exit statuses of `encnet`."""

from __future__ import annotations

import sys

from benchmarks import command
from encnet.commands.command import run_command
from encnet.system.cores import share_cores


def main(words: list[str]) -> int:
    """Runs the command line; returns the exit status: 0, 2 for wrong input, 130 after Ctrl-C."""
    share_cores()
    return run_command(command.PROGRAM, command, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
