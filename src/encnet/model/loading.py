"""A checkpoint, from disk or from the hub -> a model ready to use."""

from __future__ import annotations

import os
import re
from pathlib import Path

from encnet.errors import InputError
from encnet.model.build import build_encnet
from encnet.model.checkpoint import read_checkpoint
from encnet.model.encnet import EncNet
from encnet.model.hub import MODEL_FILE, download


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

    Needs nothing but the checkpoint: no file of the training, and no download of backbone weights.

    Args:
        source: path of a file that ``model.save`` wrote, or of a folder that ``model.save_pretrained`` wrote, or the id
            "owner/name" of a repository on the Hugging Face hub that holds such a file as model.safetensors.
        revision: branch, tag or commit of the repository.
        token: for the hub; None is that of ``hf auth login``.
        cache_dir: folder for downloads; None is the hub client's own.
        force_download: download again what is in the cache.
        local_files_only: take only what is in the cache.

    Raises:
        InputError: the file is missing, damaged, not one of ours, or does not fit the model it names.
    """
    path = Path(source)
    if path.is_dir():
        path = path / MODEL_FILE
    elif not path.exists() and re.fullmatch(r"[\w-]+/[\w.-]+", str(source)) and path.suffix != ".safetensors":
        path = download(
            str(source),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
    tensors, info = read_checkpoint(path)
    try:
        model = build_encnet(**info.options, mean=tuple(info.mean), std=tuple(info.std), variant=info.variant)
    except TypeError as error:
        raise InputError(f"{path} names an option that this encnet does not have ({error}); update encnet") from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit the {info.variant} it names: {' '.join(str(error).split())}") from error
    model.info = info
    return model.eval()
