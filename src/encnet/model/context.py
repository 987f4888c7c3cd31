"""The Context Encoding Module: what the scene is, and what that means for each channel."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from encnet.model.blocks import conv_norm_relu
from encnet.model.encoding import Encoding, EncodingSums


class EncodedContext(NamedTuple):
    """What :class:`ContextEncoding` returns."""

    semantics: Tensor  #: (B, C), e: the encoded semantics of the whole image, not negative
    features: Tensor  #: (B, C, H, W): the features, scaled by channel, not negative


class SemanticEncoding(nn.Module):
    """Features -> encoded semantics (paper, section 3.1)::

        e = mean_k ReLU(BN_K(E)),   E = Encoding(ReLU(BN(W_1x1 X)))

    The batch norm treats the K codewords as its channels, so it sees B·C values of each and works with batch 1.
    The mean over k (not the sum) is what the code behind the published figures takes.

    E is a sum over the N pixels of the feature map, so it grows with the image, while the statistics of BN were learned
    at the size of the training's crops. With N₀ ``reference_pixels``, BN gets E·N₀/N in place of E.

    Args:
        in_channels: channels of the features.
        channels: C, channels that the 1x1 projection gives to the Encoding layer.
        num_codes: K, the number of codewords.
        projection: from in_channels to C, in place of the 1x1 convolution with batch norm and ReLU.

    Shapes:
        input (B, in_channels, H, W), and perhaps ``reference_pixels`` -> output (B, C), float32.
    """

    def __init__(self, in_channels: int, channels: int, num_codes: int, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.projection = projection or conv_norm_relu(in_channels, channels, kernel_size=1)
        self.encoding = Encoding(channels, num_codes)
        self.norm = nn.BatchNorm1d(num_codes)

    def forward(self, features: Tensor, reference_pixels: int | None = None) -> Tensor:
        E = self.encoding(self.projection(features))
        return self._semantics(E, features.shape[2] * features.shape[3], reference_pixels)

    def sums(self, features: Tensor) -> EncodingSums:
        """What is added up over the pixels of features (B, in_channels, H, W), part of an image for example."""
        return self.encoding.sums(self.projection(features))

    def of_sums(self, sums: EncodingSums, reference_pixels: int | None = None) -> Tensor:
        """The encoded semantics, (B, C), of an image from its sums."""
        return self._semantics(self.encoding.of_sums(sums), sums.pixels, reference_pixels)

    def _semantics(self, E: Tensor, pixels: float, reference_pixels: int | None) -> Tensor:
        if reference_pixels is not None:
            E = E * (reference_pixels / pixels)
        return F.relu(self.norm(E)).mean(dim=1)


class ContextEncoding(nn.Module):
    """The Context Encoding Module (paper, section 3.1, figure 2)::

        γ = sigmoid(W e + b),   output = ReLU(X + X ⊙ γ)

    with e the encoded semantics of :class:`SemanticEncoding`: the whole image decides how much each channel counts.

    Args:
        channels: C, channels of the features, of the encoded semantics and of the output.
        num_codes: K, the number of codewords.
        projection: from C to C before the encoding, as in :class:`SemanticEncoding`.

    Shapes:
        input (B, C, H, W) -> :class:`EncodedContext` (semantics (B, C), features (B, C, H, W)).
    """

    def __init__(self, channels: int, num_codes: int, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.semantics = SemanticEncoding(channels, channels, num_codes, projection)
        self.gamma = nn.Linear(channels, channels)

    def forward(self, features: Tensor, reference_pixels: int | None = None) -> EncodedContext:
        e = self.semantics(features, reference_pixels)
        return EncodedContext(e, self.scaled(features, self.factors(e)))

    def factors(self, e: Tensor) -> Tensor:
        """γ, (B, C) in 0-1, of encoded semantics e, (B, C)."""
        return self.gamma(e).sigmoid()

    def scaled(self, features: Tensor, gamma: Tensor) -> Tensor:
        """ReLU(X + X ⊙ γ) of features X, (B, C, H, W), and γ, (B, C)."""
        return F.relu(features + features * gamma.to(features.dtype)[:, :, None, None])
