"""EncNet: a backbone, perhaps a neck, the EncHead, and what regularises stage 3."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.backbone import DilatedBackbone, Stages
from encnet.model.checkpoint import write_checkpoint
from encnet.model.encoding import EncodingSums
from encnet.model.fullres import FullResolutionHead
from encnet.model.heads import EncHead, FCNHead, HeadFeatures, PresenceHead, resize
from encnet.model.hub import save_folder, upload
from encnet.model.info import ModelInfo
from encnet.model.jpu import JPU
from encnet.model.output import LEAST_PRESENCE, EncNetOutput, Scene


class EncNet(nn.Module):
    """Context Encoding for Semantic Segmentation (Zhang et al., CVPR 2018).

    Build it with :func:`encnet.create_model`; this class only connects the parts.

    Args:
        backbone: images -> stem and stages 1 to 4.
        head: stages -> class scores and presence.
        aux_head: stage 3 -> class scores, used in training only.
        stage3_head: stage 3 -> presence, used in training only.
        neck: stages -> stages, for the head; what regularises stage 3 reads the backbone's own.
        align_corners: how the logits are brought to the size of the images.
        presence_loss: with which loss presence is trained, which also says how it is read: "bce" (logits, the paper) or
            "mse" (the value itself is the estimate of 0 or 1).
        info: what travels in the checkpoint.

    Shapes:
        input (B, in_channels, H, W), normalised by ``info.mean`` and ``info.std`` -> :class:`EncNetOutput`.

    Raises:
        InputError: the images have another shape.
    """

    def __init__(
        self,
        backbone: DilatedBackbone,
        head: EncHead | FullResolutionHead,
        aux_head: FCNHead | None = None,
        stage3_head: PresenceHead | None = None,
        *,
        neck: JPU | None = None,
        align_corners: bool = False,
        presence_loss: str = "bce",
        info: ModelInfo,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head
        self.aux_head = aux_head
        self.stage3_head = stage3_head
        self.align_corners = align_corners
        self.presence_loss = presence_loss
        self.info = info

    @property
    def num_classes(self) -> int:
        """Number of classes: the channels of the logits."""
        return self.head.classifier.out_channels

    def forward(self, images: Tensor, auxiliary: bool | None = None, full_size: bool = True) -> EncNetOutput:
        """Runs the network.

        Args:
            images: (B, in_channels, H, W), normalised.
            auxiliary: whether to compute what only the loss reads, ``aux_logits`` and ``stage3_presence``;
                None does in training mode and leaves them None in eval mode.
            full_size: whether the logits are brought to the size of the images. False leaves them at the resolution of
                the head that computed them, which is all that :class:`encnet.EncNetLoss` needs; at stride 8 they are
                64 times smaller.
        """
        size = images.shape[-2:]
        stages = self._stages(images)
        reference_pixels = None if self.training else self.info.context_pixels
        logits, presence = self.head(stages if self.neck is None else self.neck(stages), reference_pixels)
        logits = logits if self.training else self.with_prior(logits, presence)
        aux_logits = stage3_presence = None
        if self.training if auxiliary is None else auxiliary:
            if self.aux_head is not None:
                aux_logits = self.aux_head(stages.stage3)
            if self.stage3_head is not None:
                stage3_presence = self.stage3_head(stages.stage3)
        if full_size:
            logits = resize(logits, size, self.align_corners)
            aux_logits = None if aux_logits is None else resize(aux_logits, size, self.align_corners)
        return EncNetOutput(logits, presence, aux_logits, stage3_presence)

    def context_pixels(self, height: int, width: int) -> int:
        """Pixels of the feature map over which the context of an image of this size is summed: N."""
        strides = self.backbone.strides
        fine = self.neck is not None or (isinstance(self.head, EncHead) and self.head.lateral is not None)
        stride = strides[1] if fine else strides[3]
        return -(-height // stride) * -(-width // stride)

    def prepare(self, images: Tensor) -> HeadFeatures:
        """The first half of a prediction: images, as for :meth:`forward` -> the features before the context encoding.

        ``prepare``, :meth:`sums`, :meth:`scene` and :meth:`classify` are :meth:`forward` in steps, for what a single
        call cannot do: one context for all tiles of a large image, or another context than the image's own.
        """
        stages = self._stages(images)
        return self.head.prepare(stages if self.neck is None else self.neck(stages))

    def sums(self, features: Tensor) -> EncodingSums | None:
        """What the context encoding adds up over features (B, C, h, w) of :meth:`prepare`, or over a part of them;
        None without a context encoding.
        """
        return None if self.head.context is None else self.head.context.semantics.sums(features)

    def scene(self, sums: EncodingSums | None) -> Scene | None:
        """Factors and presence from the sums over a whole image; None without a context encoding."""
        context = self.head.context
        if context is None or sums is None:
            return None
        e = context.semantics.of_sums(sums, self.info.context_pixels)
        return Scene(context.factors(e), None if self.head.presence is None else self.head.presence(e))

    def classify(self, features: HeadFeatures, scene: Scene | None) -> Tensor:
        """The second half of a prediction: logits, (B, classes, h, w) at the resolution of the head, float32."""
        scaled = features.features
        if self.head.context is not None and scene is not None:
            scaled = self.head.context.scaled(scaled, scene.gamma)
        logits = self.head.classify(scaled, features.finer).float()
        return self.with_prior(logits, None if scene is None else scene.presence)

    def with_prior(self, logits: Tensor, presence: Tensor | None) -> Tensor:
        """Logits l, (B, classes, h, w), with the prior that a class is in the image with probability p::

            l_c + strength · log(max(p_c, LEAST_PRESENCE))

        The strength is ``info.presence_prior``; with 0, and without presence, it is the logits as they are.
        """
        if self.info.presence_prior == 0 or presence is None:
            return logits
        log_p = self.presence_probabilities(presence).clamp(min=LEAST_PRESENCE).log()
        return logits + (self.info.presence_prior * log_p).to(logits.dtype)[:, :, None, None]

    def _stages(self, images: Tensor) -> Stages:
        in_channels = len(self.info.mean)
        if images.dim() != 4 or images.shape[1] != in_channels:
            raise InputError(f"EncNet: images of shape {tuple(images.shape)}; expected (B, {in_channels}, H, W)")
        return self.backbone(images)

    def presence_probabilities(self, presence: Tensor) -> Tensor:
        """(B, classes) as the network returns it -> the probability, 0-1, that each class exists in the image."""
        presence = presence.float()
        return presence.sigmoid() if self.presence_loss == "bce" else presence.clamp(0, 1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes weights and :attr:`info` to one safetensors file, which ``encnet.load`` reads.

        Raises:
            InputError: the file cannot be written.
        """
        write_checkpoint(path, self.state_dict(), self.info)

    def save_pretrained(self, folder: str | os.PathLike[str], *, license: str | None = None) -> list[Path]:
        """Writes a folder that :meth:`from_pretrained` and ``encnet.load`` read: model.safetensors and a model card.

        Args:
            folder: is made if need be. A README.md in it that encnet did not write is left as it is.
            license: the hub's identifier of the license of the weights, "apache-2.0" for example; None says nothing.

        Returns:
            The files written.

        Raises:
            InputError: the folder cannot be written to.
        """
        return save_folder(folder, self.state_dict(), self.info, license)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        license: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str = "Upload an EncNet",
        create_pr: bool = False,
    ) -> str:
        """Commits what :meth:`save_pretrained` writes to a repository of the Hugging Face hub.

        Args:
            repo_id: "owner/name"; the repository is made if need be.
            license: as for :meth:`save_pretrained`.
            private: whether a repository made here is private; None is the owner's default.
            token: for the hub; None is that of ``hf auth login``.
            revision: branch to commit to; None is the main one.
            commit_message: of the commit.
            create_pr: open a pull request instead.

        Returns:
            Address of the commit, or of the pull request.

        Raises:
            InputError: the hub cannot be reached, or refuses.
        """
        return upload(
            repo_id,
            self.state_dict(),
            self.info,
            license=license,
            private=private,
            token=token,
            revision=revision,
            commit_message=commit_message,
            create_pr=create_pr,
        )

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> EncNet:
        """The model of a folder, of a repository of the Hugging Face hub, or of a file, in eval mode.

        It is ``encnet.load``, which says what the arguments mean and which errors there are.
        """
        from encnet.model.loading import load  # it builds this class

        return load(
            source,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
