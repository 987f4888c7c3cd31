"""The Context Encoding Module: encoded semantics of the image, and the factor γ of each channel."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from encnet.model.blocks import conv_norm_relu
from encnet.model.encoding import Encoding, EncodingSums


class EncodedContext(NamedTuple):
    """What :class:`ContextEncoding` returns."""

    semantics: Tensor  #: (B, C), e: the encoded semantics of the whole image, non-negative
    features: Tensor  #: (B, C, H, W): the features, scaled by channel, non-negative


class SemanticEncoding(nn.Module):
    """Features -> encoded semantics (paper, section 3.1)::

        e = mean_k ReLU(BN_K(E)),   E = Encoding(ReLU(BN(W_1x1 X)))

    The batch norm treats the K codewords as its channels, so it sees B·C values of each and works with batch size 1.
    Like the code that produced the published numbers, it takes the mean over k, not the sum.

    E is a sum over the N pixels of the feature map, so it grows with the image, while the statistics of BN were learned
    at the size of the training crops. With N₀ = ``context_pixels``, the input of BN is E·N₀/N instead of E.

    Args:
        in_channels: channels of the features.
        channels: C, channels after the 1x1 projection, which are the input of the Encoding layer.
        num_codes: K, the number of codewords.
        projection: module from in_channels to C that replaces the 1x1 convolution with batch norm and ReLU.

    Shapes:
        input (B, in_channels, H, W), optionally with ``context_pixels`` -> output (B, C), float32.
    """

    def __init__(self, in_channels: int, channels: int, num_codes: int, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.projection: nn.Module = projection or conv_norm_relu(in_channels, channels, kernel_size=1)
        self.encoding: Encoding = Encoding(channels, num_codes)
        self.norm: nn.BatchNorm1d = nn.BatchNorm1d(num_codes)

    def forward(self, features: Tensor, context_pixels: int | None = None) -> Tensor:
        E = self.encoding(self.projection(features))
        return self.by_codeword(E, features.shape[2] * features.shape[3], context_pixels).mean(dim=1)

    def sums(self, features: Tensor) -> EncodingSums:
        """Returns the sums over the pixels of features (B, in_channels, H, W), of part of an image for example."""
        return self.encoding.sums(self.projection(features))

    def from_sums(self, sums: EncodingSums, context_pixels: int | None = None) -> Tensor:
        """Returns the encoded semantics, (B, C), of an image from its sums."""
        return self.by_codeword(self.encoding.residuals(sums), sums.pixels, context_pixels).mean(dim=1)

    def by_codeword(self, E: Tensor, pixels: float, context_pixels: int | None = None) -> Tensor:
        """Returns ReLU(BN_K(E · N₀/N)), (B, K, C), for residuals E of N pixels; its mean over k is e."""
        if context_pixels is not None:
            E = E * (context_pixels / pixels)
        return F.relu(self.norm(E))


class ContextEncoding(nn.Module):
    """The Context Encoding Module (paper, section 3.1, figure 2)::

        γ = sigmoid(W e + b),   output = ReLU(X + X ⊙ γ)

    with e from :class:`SemanticEncoding`: the whole image decides how much each channel counts.

    Args:
        channels: C, channels of the features, of the encoded semantics and of the output.
        num_codes: K, the number of codewords.
        projection: module from C to C before the encoding, as in :class:`SemanticEncoding`.

    Shapes:
        input (B, C, H, W) -> :class:`EncodedContext` (semantics (B, C), features (B, C, H, W)).
    """

    def __init__(self, channels: int, num_codes: int, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.semantics: SemanticEncoding = SemanticEncoding(channels, channels, num_codes, projection)
        self.gamma: nn.Linear = nn.Linear(channels, channels)

    def forward(self, features: Tensor, context_pixels: int | None = None) -> EncodedContext:
        e = self.semantics(features, context_pixels)
        return EncodedContext(e, self.scaled(features, self.factors(e)))

    def factors(self, e: Tensor) -> Tensor:
        """Returns γ, (B, C) in 0-1, for encoded semantics e, (B, C)."""
        return self.gamma(e).sigmoid()

    def scaled(self, features: Tensor, gamma: Tensor) -> Tensor:
        """Returns ReLU(X + X ⊙ γ) for features X, (B, C, H, W), and γ, (B, C)."""
        return F.relu(features + features * gamma.to(features.dtype)[:, :, None, None])
