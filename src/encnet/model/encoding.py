"""The Encoding layer: a learned dictionary that describes a whole feature map by K residual sums."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.encoding_function import assign, encode


@dataclass(frozen=True)
class EncodingSums:
    """What the Encoding layer adds up over the pixels of an image, from which E follows::

        E = AᵀX - diag(Σ_i a_i) D

    Sums are additive: those of the parts of an image add up to those of the image, and those of a video's images can be
    averaged with weights, ``0.9 * before + 0.1 * now``.
    """

    features: Tensor
    """(B, K, C): AᵀX, for each codeword the sum of the features, weighted by their assignment to it."""
    mass: Tensor
    """(B, K): Σ_i a_i, how many pixels each codeword has."""
    pixels: float
    """N, over how many pixels of the feature map the sums run."""

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

    The derivative is a closed formula too, of matrix products only, for which the features and A are kept:
    :mod:`encnet.model.encoding_function`.

    Under autocast, and with parameters in half precision, everything here is computed in float32: squared distances
    lose their small differences in half precision.

    Args:
        channels: C, the number of channels of the features.
        num_codes: K, the number of codewords.

    Attributes:
        codewords: (K, C), D, initialised in U(-1/√(KC), 1/√(KC)).
        scale: (K,), -s, initialised in U(-1, 0): distance counts against a codeword where it is negative.

    Shapes:
        input (B, C, H, W) of any float type, in any memory layout; contiguous and channels last are read in place ->
        output (B, K, C), of the parameters' type.

    Raises:
        InputError: ``channels`` or ``num_codes`` is not positive, or the input has another shape.
    """

    def __init__(self, channels: int, num_codes: int) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("num_codes", num_codes)):
            if value < 1:
                raise InputError(f"Encoding: {name} is {value}; it must be at least 1")
        bound = (num_codes * channels) ** -0.5
        self.codewords = nn.Parameter(torch.empty(num_codes, channels).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.empty(num_codes).uniform_(-1, 0))

    def forward(self, features: Tensor) -> Tensor:
        X = self._pixels(features)
        with torch.autocast(features.device.type, enabled=False):
            return encode(X, *self._parameters_in_full()).to(self.codewords.dtype)

    def sums(self, features: Tensor) -> EncodingSums:
        """The sums over the pixels of features (B, C, H, W): part of an image, for example."""
        X = self._pixels(features)
        D, scale = self._parameters_in_full()
        with torch.autocast(features.device.type, enabled=False):
            X = X.to(D.dtype)
            A = assign(X, D, scale)
            return EncodingSums(A.transpose(1, 2) @ X, A.sum(dim=1), X.shape[1])

    def of_sums(self, sums: EncodingSums) -> Tensor:
        """E, (B, K, C), of an image from its sums."""
        D, _ = self._parameters_in_full()
        return (sums.features - sums.mass.unsqueeze(2) * D).to(self.codewords.dtype)

    def assign(self, X: Tensor) -> Tensor:
        """The assignment A, (B, N, K), each row of which sums to 1, of features X, (B, N, C)."""
        D, scale = self._parameters_in_full()
        with torch.autocast(X.device.type, enabled=False):
            return assign(X.to(D.dtype), D, scale)

    def _pixels(self, features: Tensor) -> Tensor:
        """X, (B, N, C), of features (B, C, H, W)."""
        channels = self.codewords.shape[1]
        if features.dim() != 4 or features.shape[1] != channels:
            raise InputError(f"Encoding: features of shape {tuple(features.shape)}; expected (B, {channels}, H, W)")
        return features.permute(0, 2, 3, 1).flatten(1, 2)

    def _parameters_in_full(self) -> tuple[Tensor, Tensor]:
        """D and scale, in float32 at least."""
        dtype = torch.promote_types(self.codewords.dtype, torch.float32)
        return self.codewords.to(dtype), self.scale.to(dtype)

    def extra_repr(self) -> str:
        num_codes, channels = self.codewords.shape
        return f"channels={channels}, num_codes={num_codes}"
