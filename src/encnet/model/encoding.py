"""The Encoding layer: a learned dictionary of codewords that describes a feature map by K sums of residuals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from encnet.kernels.encoding import assign, encode
from encnet.system.checks import require
from encnet.system.errors import InputError


@dataclass(frozen=True)
class EncodingSums:
    """Sums of the Encoding layer over the pixels of an image, from which E follows::

        E = AᵀX - diag(Σ_i a_i) D

    The sums of the parts of an image add up to those of the image, and the sums of consecutive frames of a video can be
    averaged, ``0.9 * previous + 0.1 * current``.
    """

    features: Tensor
    """(B, K, C): AᵀX, for each codeword the sum of the features, weighted by their assignment to it."""
    mass: Tensor
    """(B, K): Σ_i a_i, the number of pixels assigned to each codeword."""
    pixels: float
    """N, the number of pixels of the feature map that the sums run over."""

    def __add__(self, other: EncodingSums) -> EncodingSums:
        return EncodingSums(self.features + other.features, self.mass + other.mass, self.pixels + other.pixels)

    def __mul__(self, weight: float) -> EncodingSums:
        return EncodingSums(self.features * weight, self.mass * weight, self.pixels * weight)

    __rmul__ = __mul__


class Encoding(nn.Module):
    """Soft-assigns every feature to K codewords and sums the residuals (paper, section 3.1).

    For features x_i in R^C, i = 1..N, codewords d_k and smoothing factors s_k, k = 1..K::

        a_ik = softmax_k(-s_k ‖x_i - d_k‖²)
        e_k  = Σ_i a_ik (x_i - d_k)

    No tensor of shape (B, N, K, C) is ever built. With A = (a_ik), both lines are matrix products::

        ‖x_i - d_k‖² = ‖x_i‖² - 2 x_i·d_k + ‖d_k‖²
        E = AᵀX - diag(Σ_i a_i) D

    The derivative has a closed form of matrix products too; only the features and A are kept for it
    (:mod:`encnet.kernels.encoding`).

    Under autocast, and with parameters in half precision, everything is computed in float32: in half precision, squared
    distances lose their small differences.

    Args:
        channels: C, the number of channels of the features.
        num_codes: K, the number of codewords.

    Attributes:
        codewords: (K, C), D, initialised in U(-1/√(KC), 1/√(KC)).
        scale: (K,), -s, initialised in U(-1, 0): where it is negative, distance counts against a codeword.

    Shapes:
        input (B, C, H, W) of any float type and memory layout; contiguous and channels last are read in place ->
        output (B, K, C), of the parameters' type.

    Raises:
        InputError: ``channels`` or ``num_codes`` is not positive, or the input has another shape.
    """

    def __init__(self, channels: int, num_codes: int) -> None:
        super().__init__()
        require(channels >= 1, "channels", channels, "at least 1")
        require(num_codes >= 1, "num_codes", num_codes, "at least 1")
        bound = (num_codes * channels) ** -0.5
        self.codewords: nn.Parameter = nn.Parameter(torch.empty(num_codes, channels).uniform_(-bound, bound))
        self.scale: nn.Parameter = nn.Parameter(torch.empty(num_codes).uniform_(-1, 0))

    def forward(self, features: Tensor) -> Tensor:
        X = self._pixels(features)
        with torch.autocast(features.device.type, enabled=False):
            return encode(X, *self._parameters_in_full()).to(self.codewords.dtype)

    def sums(self, features: Tensor) -> EncodingSums:
        """Returns the sums over the pixels of features (B, C, H, W), of part of an image for example."""
        X = self._pixels(features)
        D, scale = self._parameters_in_full()
        with torch.autocast(features.device.type, enabled=False):
            X = X.to(D.dtype)
            A = assign(X, D, scale)
            return EncodingSums(A.transpose(1, 2) @ X, A.sum(dim=1), X.shape[1])

    def residuals(self, sums: EncodingSums) -> Tensor:
        """Returns E, (B, K, C), of an image from its sums."""
        D, _ = self._parameters_in_full()
        return (sums.features - sums.mass.unsqueeze(2) * D).to(self.codewords.dtype)

    def assign(self, X: Tensor) -> Tensor:
        """Returns the assignment A, (B, N, K), of features X, (B, N, C); each of its rows sums to 1."""
        D, scale = self._parameters_in_full()
        with torch.autocast(X.device.type, enabled=False):
            return assign(X.to(D.dtype), D, scale)

    def _pixels(self, features: Tensor) -> Tensor:
        """Returns X, (B, N, C), for features (B, C, H, W)."""
        channels = self.codewords.shape[1]
        if features.dim() != 4 or features.shape[1] != channels:
            raise InputError(
                f"features have the shape {tuple(features.shape)}; expected (B, {channels}, H, W)", "features"
            )
        return features.permute(0, 2, 3, 1).flatten(1, 2)

    def _parameters_in_full(self) -> tuple[Tensor, Tensor]:
        """Returns D and scale in float32, or in float64 for float64 parameters."""
        dtype = torch.promote_types(self.codewords.dtype, torch.float32)
        return self.codewords.to(dtype), self.scale.to(dtype)

    def extra_repr(self) -> str:
        num_codes, channels = self.codewords.shape
        return f"channels={channels}, num_codes={num_codes}"
