"""Loads a checkpoint, from disk or from the hub, as a model ready to use."""

from __future__ import annotations

import os
import re
from pathlib import Path

from encnet.checkpoint.encnet import EncNet


def load(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> EncNet:
    """Rebuilds the model of a checkpoint, in eval mode, on the CPU.

    The checkpoint is enough: no other file of the training is needed, and no backbone weights are downloaded.

    Args:
        source: path of a file that ``model.save`` wrote; path of a folder that ``model.save_pretrained`` wrote, or of
            the folder of a training run, whose best model is loaded; or id "owner/name" of a repository on the Hugging
            Face hub that contains such a file as model.safetensors.
        revision: branch, tag or commit of the repository.
        token: token for the hub; None uses that of ``hf auth login``.
        cache_dir: folder for downloads; None uses the hub client's own.
        force_download: download again even if the file is in the cache.
        local_files_only: use only files in the cache.

    Raises:
        InputError: the file is missing, damaged, not written by encnet, or does not fit the model that it names.
    """
    path = Path(source)
    is_hub_id = re.fullmatch(r"[\w-]+/[\w.-]+", str(source)) and path.suffix != ".safetensors"
    if path.exists() or is_hub_id:
        return EncNet.from_pretrained(
            source,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
    return EncNet.from_file(path)  # raises: the file is missing
