"""Calls to the Hugging Face hub's client: clear errors, and the download of a repository's model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from encnet.system.errors import InputError, first_line

MODEL_FILE: str = "model.safetensors"
BEST_MODEL: str = "best.safetensors"
"""Name of the best model in the folder of a training run."""
CARD_FILE: str = "README.md"
CONFIG_FILE: str = "config.json"
# Without a connection the client passes on errors of its HTTP library, which differs between its major versions. The
# client's own HTTP error is a subclass of that library's.
_HTTP_ERROR = cast(type[Exception], HfHubHTTPError.__bases__[0])


@contextmanager
def pushing(repository: str) -> Iterator[None]:
    """Turns errors of the client while a model is pushed into one sentence.

    Raises:
        InputError: the hub cannot be reached, or refuses.
    """
    try:
        yield
    except InputError:
        raise
    except (_HTTP_ERROR, HFValidationError, OSError) as error:
        raise InputError(
            f"the model cannot be pushed to {repository} ({first_line(error)}); "
            "check the name, the network and your login (`hf auth login`)"
        ) from error


@contextmanager
def pulling(repository: str) -> Iterator[None]:
    """Turns errors of the client while a model is downloaded into one sentence.

    Raises:
        InputError: the hub cannot be reached, or has no such model.
    """
    try:
        yield
    except InputError:
        raise
    except (_HTTP_ERROR, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{repository} is neither a file or folder here nor a repository on the hub that contains {MODEL_FILE} "
            f"({first_line(error)}); give the path of a checkpoint"
        ) from error


def download(
    repository: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Downloads a repository's model.safetensors unless it is in the local cache, and returns its path there.

    Errors of the client pass through; see :func:`pulling`.
    """
    options: dict[str, Any] = {"revision": revision, "token": token, "force_download": force_download}
    cache = None if cache_dir is None else Path(cache_dir)
    return Path(hf_hub_download(repository, MODEL_FILE, cache_dir=cache, local_files_only=local_files_only, **options))


def model_in(folder: Path) -> Path:
    """Returns the path of the model in a folder: that of a saved model, else the best one of a run.

    Raises:
        InputError: the folder has neither.
    """
    for name in (MODEL_FILE, BEST_MODEL):
        if (folder / name).is_file():
            return folder / name
    below = [path for name in (MODEL_FILE, BEST_MODEL) for path in sorted(folder.glob(f"*/{name}"))]
    raise InputError(
        f"there is no checkpoint in the folder {folder}, which has neither {MODEL_FILE} nor {BEST_MODEL}; "
        + (f"did you mean {below[0].parent}?" if below else "give the path of a .safetensors file that encnet wrote")
    )
