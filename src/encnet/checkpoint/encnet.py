"""EncNet: the network, with methods to save it, load it and share it on the Hugging Face hub."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import ModelCard, ModelHubMixin
from huggingface_hub.errors import LocalEntryNotFoundError

from encnet.checkpoint.card import WRITTEN_BY_ENCNET, model_card
from encnet.checkpoint.fit import require_fit
from encnet.checkpoint.format import read_header, read_tensors, write_checkpoint
from encnet.checkpoint.hub import CARD_FILE, CONFIG_FILE, MODEL_FILE, download, model_in, pulling, pushing
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.model.schema import check_classes
from encnet.system.errors import InputError
from encnet.system.files import write_text


class EncNet(
    Network,
    ModelHubMixin,
    library_name="encnet",
    pipeline_tag="image-segmentation",
    tags=["encnet", "semantic-segmentation", "context-encoding"],
    paper_url="https://arxiv.org/abs/1803.08904",
):
    """Context Encoding for Semantic Segmentation (Zhang et al., CVPR 2018): the network, saved and loaded.

    Build it with :func:`encnet.create_model`, or load it with :func:`encnet.load`. For computation, arguments and
    shapes see :class:`encnet.model.network.Network`.

    ``save_pretrained``, ``push_to_hub`` and ``from_pretrained`` are huggingface_hub's. A folder or repository contains
    model.safetensors, which is complete in itself, a model card, and config.json, by which the hub counts downloads.
    """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes weights and ``info`` to one safetensors file, which ``encnet.load`` reads; replaces an existing file.

        Raises:
            InputError: the file cannot be written, a weight is not finite, or a field of ``info`` is out of range.
        """
        write_checkpoint(path, self.state_dict(), self.info)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the model of a file that :meth:`save` wrote, in eval mode, on the CPU.

        Raises:
            InputError: the file is missing, damaged, not written by encnet, or does not fit the model that it names; or
                its weights, or the class scores that they give, are not finite.
        """
        info, held = read_header(path)
        numbers = {"mean": tuple(info.mean), "std": tuple(info.std), **info.options}
        if "num_classes" not in numbers:
            raise InputError(f"{path} has damaged metadata: options.num_classes is missing; save the checkpoint again")
        num_classes = numbers.pop("num_classes")
        if "full_resolution" in numbers:  # written by version 0.1
            numbers["head"] = "fullres" if numbers.pop("full_resolution") else "enc"
        try:
            options = ModelOptions.of(numbers, "the file")
        except InputError as error:
            raise InputError(f"{path}: {error}; if a later encnet wrote this file, update encnet") from error
        require_fit(path, held, options, num_classes, info.variant)
        try:
            check_classes(info.classes, info.palette, num_classes)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        tensors = read_tensors(path)
        model = cls.from_options(options, num_classes, variant=info.variant)
        model.load_state_dict(tensors)
        info.options, info.multiple_of = model.info.options, model.info.multiple_of
        model.info = info
        model.eval()
        with torch.inference_mode():
            example = torch.linspace(-2, 2, model.example().numel()).view_as(model.example())
            if not bool(model(example, full_size=False).logits.isfinite().all()):
                raise InputError(
                    f"{path} has weights of which the class scores are not finite; give another checkpoint"
                )
        return model

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], *, license: str | None = None, **arguments: Any
    ) -> str | None:
        """Writes a folder that :meth:`from_pretrained` and ``encnet.load`` read.

        Args:
            save_directory: folder for model.safetensors, config.json and a model card; created if it does not exist. A
                README.md in it that encnet did not write stays as it is.
            license: the hub's identifier of the license of the weights, "apache-2.0" for example; None leaves it out.
            arguments: further arguments of huggingface_hub's ``ModelHubMixin.save_pretrained``.

        Returns:
            URL of the commit if ``push_to_hub=True`` is among the arguments, else None.

        Raises:
            InputError: the folder cannot be written to.
        """
        folder = Path(save_directory)
        card = {"license": license, "source": str(folder), **(arguments.pop("model_card_kwargs", None) or {})}
        try:
            readme = folder / CARD_FILE
            if readme.is_file() and WRITTEN_BY_ENCNET in readme.read_text(encoding="utf-8", errors="replace"):
                readme.unlink()
            return super().save_pretrained(folder, model_card_kwargs=card, **arguments)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot write {folder}: {reason}; choose another place for the output") from error

    def push_to_hub(self, repo_id: str, *, license: str | None = None, **arguments: Any) -> str:
        """Commits what :meth:`save_pretrained` writes to a repository of the Hugging Face hub.

        Args:
            repo_id: "owner/name"; the repository is created if it does not exist.
            license: as for :meth:`save_pretrained`.
            arguments: further arguments of huggingface_hub's ``ModelHubMixin.push_to_hub``: private, token, branch,
                commit_message, create_pr, ...

        Returns:
            URL of the commit.

        Raises:
            InputError: the hub cannot be reached, or refuses.
        """
        card = {"license": license, "source": repo_id}
        with pushing(repo_id):
            return super().push_to_hub(repo_id, model_card_kwargs=card, **arguments)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **arguments: Any) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Returns the model of a folder, of a repository of the Hugging Face hub, or of a file, in eval mode.

        Args:
            pretrained_model_name_or_path: the source, as for ``encnet.load``.
            arguments: further arguments of huggingface_hub's ``ModelHubMixin.from_pretrained``: revision, token,
                cache_dir, force_download, local_files_only.

        Raises:
            InputError: there is no such file, folder or repository, or it contains no model of encnet.
        """
        path = Path(pretrained_model_name_or_path)
        if path.is_dir():
            return cls.from_file(model_in(path))
        if path.exists():
            return cls.from_file(path)
        repository = str(pretrained_model_name_or_path)
        with pulling(repository):
            try:
                return super().from_pretrained(repository, **arguments)
            except LocalEntryNotFoundError:  # offline, and repositories of version 0.1 have no config.json
                return cls._from_pretrained(model_id=repository, **arguments)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Returns :func:`encnet.checkpoint.card.model_card`, for the keywords ``source`` and ``license``."""
        parameters = sum(parameter.numel() for parameter in self.state_dict().values() if parameter.is_floating_point())
        return ModelCard(model_card(self.info, parameters, kwargs.get("source", ""), kwargs.get("license")))

    def _save_pretrained(self, save_directory: Path) -> None:
        # Whatever is in this folder is uploaded, so it gets no record of what encnet wrote.
        write_checkpoint(save_directory / MODEL_FILE, self.state_dict(), self.info, recorded=False)
        config = json.dumps(dataclasses.asdict(self.info), indent=2) + "\n"
        write_text(save_directory / CONFIG_FILE, config, recorded=False)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **arguments: Any) -> Self:
        """Loads the checkpoint of a repository, which is complete in itself: config.json only counts the download."""
        names = ("revision", "token", "cache_dir", "force_download", "local_files_only")
        return cls.from_file(download(model_id, **{name: arguments[name] for name in names if name in arguments}))
