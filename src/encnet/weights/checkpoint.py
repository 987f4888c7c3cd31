"""A checkpoint, from disk or from the hub -> a model ready to use."""

from __future__ import annotations

import os
import re
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from encnet.errors import InputError
from encnet.model.checkpoint import read_checkpoint
from encnet.model.encnet import EncNet
from encnet.model.variants import build_encnet

HUB_FILE = "model.safetensors"


def load(source: str | os.PathLike[str]) -> EncNet:
    """Rebuilds the model of a checkpoint, in eval mode, on the CPU.

    Needs nothing but the checkpoint: no file of the training, and no download of backbone weights.

    Args:
        source: path of a file that ``model.save`` wrote, or the id "owner/name" of a repository on the Hugging Face
            hub that holds such a file as model.safetensors.

    Raises:
        InputError: the file is missing, damaged, not one of ours, or does not fit the model it names.
    """
    path = Path(source)
    if not path.exists() and re.fullmatch(r"[\w-]+/[\w.-]+", str(source)) and path.suffix != ".safetensors":
        path = _download(str(source))
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


def _download(repository: str) -> Path:
    try:
        return Path(hf_hub_download(repository, HUB_FILE))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"{repository} is neither a file here nor a repository on the hub that holds {HUB_FILE} "
            f"({type(error).__name__}); give the path of a checkpoint"
        ) from error
