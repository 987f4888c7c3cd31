"""The Context Encoding Module against its equations."""

from __future__ import annotations

import torch

from encnet.model.context import ContextEncoding, SemanticEncoding


def test_module_equals_the_equations() -> None:
    torch.manual_seed(0)
    module = ContextEncoding(6, 3).double().eval()
    norm = module.semantics.norm
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    features = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    output = module(features)
    E = module.semantics.encoding(module.semantics.projection(features))
    for b in range(2):
        e = torch.zeros(6, dtype=torch.float64)
        for k in range(3):
            normalised = (E[b, k] - norm.running_mean[k]) / torch.sqrt(norm.running_var[k] + norm.eps)
            e += torch.clamp(norm.weight[k] * normalised + norm.bias[k], min=0) / 3
        gamma = 1 / (1 + torch.exp(-(module.gamma.weight @ e + module.gamma.bias)))
        torch.testing.assert_close(output.semantics[b], e)
        for c in range(6):
            torch.testing.assert_close(
                output.features[b, c], torch.clamp(features[b, c] + gamma[c] * features[b, c], min=0)
            )


def test_module_trains_with_batch_size_1_and_one_pixel() -> None:
    torch.manual_seed(0)
    module = ContextEncoding(6, 3).train()
    module.semantics.projection.eval()  # batch norm over a single pixel has no variance, over codewords it does
    semantics, features = module(torch.randn(1, 6, 1, 1))
    assert semantics.isfinite().all()
    assert features.isfinite().all()


def test_repeated_image_has_the_same_semantics_if_sums_are_scaled() -> None:
    torch.manual_seed(0)
    module = SemanticEncoding(6, 6, 3).double().eval()
    image = torch.randn(1, 6, 4, 5, dtype=torch.float64)
    twice = torch.cat([image, image], dim=2)
    torch.testing.assert_close(module(twice, context_pixels=20), module(image))
    torch.testing.assert_close(module(twice, context_pixels=20), module(image, context_pixels=20))
    assert not torch.allclose(module(twice), module(image))
