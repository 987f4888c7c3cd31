"""How much of the public interface has a known type, as `pyright --verifytypes` counts it; fails below 99 %.

    python tools/typed.py

Pyright judges installed packages only, and does not count an editable install: so it finds the package by a link in a
folder on its search path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1] / "src/encnet"
WANTED = 0.99


def judged() -> dict[str, Any]:
    """What pyright says of the package's types, as its JSON has it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "encnet").symlink_to(PACKAGE)
        path = os.pathsep.join([folder, sysconfig.get_path("purelib")])
        command = [sys.executable, "-m", "pyright", "--verifytypes", "encnet", "--ignoreexternal", "--outputjson"]
        environment = {**os.environ, "PYTHONPATH": path}
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return json.loads(run.stdout)["typeCompleteness"]


def main() -> int:
    """Prints the share, and below 99 % each symbol whose type is not known; returns the exit status."""
    result = judged()
    share = result["completenessScore"]
    print(f"types: {100 * share:.1f} % of {len(result['symbols'])} public symbols are known")
    if share >= WANTED:
        return 0
    for symbol in result["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            reasons = [diagnostic["message"].splitlines()[0] for diagnostic in symbol.get("diagnostics", [])]
            print(f"  {symbol['name']}: {'; '.join(reasons) or 'refers to one of the others'}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
