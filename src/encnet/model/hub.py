"""Folders, and repositories of the Hugging Face hub, that hold a model: model.safetensors and a card."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor

from encnet.errors import InputError
from encnet.files import write_text
from encnet.model.card import WRITTEN_BY_ENCNET, model_card
from encnet.model.checkpoint import write_checkpoint
from encnet.model.info import ModelInfo

MODEL_FILE = "model.safetensors"
CARD_FILE = "README.md"
# What the client lets through when there is no connection is of the HTTP library it is built on, of which its own
# error is a kind: another library in each of its major versions.
_HTTP_ERROR = cast(type[Exception], HfHubHTTPError.__bases__[0])


def save_folder(
    folder: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    info: ModelInfo,
    license: str | None = None,
    source: str | None = None,
) -> list[Path]:
    """Writes model.safetensors and README.md; a README.md that encnet did not write is left as it is.

    Args:
        folder: is made if need be.
        tensors: the state dict.
        info: what travels with it.
        license: the hub's identifier of the license of the weights, "apache-2.0" for example; None says nothing.
        source: what the card says to load; None is the folder.

    Returns:
        The files written.

    Raises:
        InputError: the folder cannot be written to.
    """
    model, card = Path(folder, MODEL_FILE), Path(folder, CARD_FILE)
    write_checkpoint(model, dict(tensors), info)
    if card.exists() and WRITTEN_BY_ENCNET not in card.read_text(encoding="utf-8", errors="replace"):
        return [model]
    parameters = sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())
    write_text(card, model_card(info, parameters, source or str(folder), license))
    return [model, card]


def upload(
    repository: str,
    tensors: Mapping[str, Tensor],
    info: ModelInfo,
    *,
    license: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload an EncNet",
    create_pr: bool = False,
) -> str:
    """Makes a repository "owner/name" if need be, and commits what :func:`save_folder` writes to it.

    Returns:
        Address of the commit, or of the pull request.

    Raises:
        InputError: the hub cannot be reached, or refuses.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="encnet") as folder:
            save_folder(folder, tensors, info, license, source=repository)
            api = HfApi(token=token, library_name="encnet")
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                revision=revision,
                commit_message=commit_message,
                create_pr=create_pr,
            )
    except (_HTTP_ERROR, HFValidationError, OSError) as error:
        raise InputError(
            f"the model cannot be pushed to {repository} ({_reason(error)}); "
            "check the name, the network and your login (`hf auth login`)"
        ) from error
    return commit.pr_url or commit.commit_url


def download(
    repository: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Path of a repository's model.safetensors in the local cache, to which it is downloaded if it is not there.

    Raises:
        InputError: there is no such file here, and the hub cannot be reached or has none.
    """
    try:
        path = hf_hub_download(
            repository,
            MODEL_FILE,
            revision=revision,
            token=token,
            cache_dir=None if cache_dir is None else Path(cache_dir),
            force_download=force_download,
            local_files_only=local_files_only,
        )
    except (_HTTP_ERROR, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{repository} is neither a file or folder here nor a repository on the hub that holds {MODEL_FILE} "
            f"({_reason(error)}); give the path of a checkpoint"
        ) from error
    return Path(path)


def _reason(error: BaseException) -> str:
    """The first line of an error: those of the client go on with advice for its own arguments."""
    first = next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
