"""The sums of the Encoding layer and their derivative, both as matrix products.

All of them are :func:`torch.matmul`'s on every device: it reads features channels last and contiguous in place. A 1x1
convolution by oneDNN in its place takes as long within a tenth, for 512 channels and 32 codewords on a CPU with AVX2.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS = 128  # whose squares are held at once, where they are not summed as they are read


def encode(X: Tensor, D: Tensor, scale: Tensor) -> Tensor:
    """E = AᵀX - diag(Σ_i a_i) D, with the assignment A of :func:`assign`.

    Where a derivative is wanted, nothing is kept for it but the features, as they are, and A.

    Args:
        X: (B, N, C), features of any float type.
        D: (K, C), codewords, float32 or float64, in which all is computed.
        scale: (K,), of the same type.

    Returns:
        (B, K, C), of D's type.
    """
    if torch.is_grad_enabled() and (X.requires_grad or D.requires_grad or scale.requires_grad):
        outputs: Any = _Encoding.apply(X, D, scale)
        return outputs[0]
    return _encode(X, D, scale)[0]


def assign(X: Tensor, D: Tensor, scale: Tensor) -> Tensor:
    """A, (B, N, K): a_ik = softmax_k(scale_k ‖x_i - d_k‖²) with X, D and scale as in :func:`encode`, all of one type.

    With the square multiplied out, what depends on both i and k is one matrix product::

        scale_k ‖x_i - d_k‖² = ‖x_i‖² scale_k + x_i·(-2 scale_k d_k) + scale_k ‖d_k‖²
    """
    products = F.linear(X, -2 * scale[:, None] * D, scale * D.square().sum(dim=1))
    return torch.softmax(products.addcmul_(_squared_norms(X), scale), dim=2)


class _Encoding(torch.autograd.Function):
    """(X, D, scale) -> (E, A), for which a derivative needs a few sums over pixels, all of them matrix products.

    With G = ∂L/∂E, of one image, P = ∂L/∂A, and S the derivative by the softmax's argument::

        p_ik = x_i·g_k - d_k·g_k
        s_ik = a_ik (p_ik - Σ_j a_ij p_ij)

        ∂L/∂x_i     = Σ_k a_ik g_k - 2 Σ_k s_ik scale_k d_k + 2 x_i Σ_k s_ik scale_k
        ∂L/∂d_k     = -g_k Σ_i a_ik + 2 scale_k (d_k Σ_i s_ik - Σ_i s_ik x_i)
        ∂L/∂scale_k = Σ_i s_ik ‖x_i‖² - 2 d_k·(Σ_i s_ik x_i) + ‖d_k‖² Σ_i s_ik

    The distances themselves are in none of them, so that they are not computed again. A is an output, which makes the
    derivative one that can itself be differentiated.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(X: Tensor, D: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _encode(X, D, scale)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs, output[1])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        X, D, scale, A = ctx.saved_tensors
        of_E, of_A = grad_outputs
        of_X, of_D, of_scale = ctx.needs_input_grad
        with torch.autocast(X.device.type, enabled=False):
            return _derivative(of_E, of_A, X, D, scale, A, of_X, of_D or of_scale)


def _encode(X: Tensor, D: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    X = X.to(D.dtype)
    A = assign(X, D, scale)
    return A.transpose(1, 2) @ X - A.sum(dim=1).unsqueeze(2) * D, A


def _derivative(
    G: Tensor, of_A: Tensor, X: Tensor, D: Tensor, scale: Tensor, A: Tensor, of_features: bool, of_parameters: bool
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The formulas of :class:`_Encoding`; ``of_A`` is what comes by A as an output: zero in a first derivative."""
    features = X.to(D.dtype)
    P = (of_A - (G * D).sum(dim=2).unsqueeze(1)).baddbmm_(features, G.transpose(1, 2))
    weighted = A * P
    S = torch.addcmul(weighted, A, weighted.sum(dim=2, keepdim=True), value=-1)
    of_X = of_D = of_scale = None
    if of_features:
        W = torch.cat((A, S), dim=2)  # (B, N, 2K): one product in place of two
        M = torch.cat((G, (-2 * scale[:, None] * D).expand_as(G)), dim=1)  # (B, 2K, C)
        # The product is added where x_i Σ_k stands already, in the memory layout of the features.
        of_X = (features * (2 * (S @ scale)).unsqueeze(2)).baddbmm_(W, M).to(X.dtype)
    if of_parameters:
        sums = S.transpose(1, 2) @ features  # (B, K, C)
        mass, of_logits = A.sum(dim=1).unsqueeze(2), S.sum(dim=1).unsqueeze(2)
        of_D = (2 * scale[:, None] * (of_logits * D - sums) - mass * G).sum(dim=0)
        by_norm = (S.transpose(1, 2) @ _squared_norms(features)).squeeze(2)
        of_scale = (by_norm + ((of_logits * D - 2 * sums) * D).sum(dim=2)).sum(dim=0)
    return of_X, of_D, of_scale


def _squared_norms(X: Tensor) -> Tensor:
    """‖x_i‖², (B, N, 1), without a tensor as large as X, (B, N, C)."""
    if X.device.type != "cpu" or torch.compiler.is_compiling() or X.stride(2) == 1:
        return torch.linalg.vector_norm(X, dim=2, keepdim=True).square()
    # Channels that are not neighbours in memory: PyTorch's norm would step through them one value at a time, the
    # square and the sum of a few channels run over pixels, which are.
    return torch.stack([part.square().sum(dim=2) for part in X.split(CHANNELS, dim=2)]).sum(dim=0).unsqueeze(2)
