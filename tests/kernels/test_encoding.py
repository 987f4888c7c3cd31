"""The sums of the Encoding layer and their gradients against autograd of the equations; compilers and exporters."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.kernels.encoding import encode
from encnet.model.encoding import Encoding

LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}


def plain(features: Tensor, D: Tensor, scale: Tensor) -> Tensor:
    """Returns E, computed from the residuals."""
    residuals = features.flatten(2).transpose(1, 2).unsqueeze(2) - D
    A = torch.softmax(scale * residuals.square().sum(dim=3), dim=2)
    return (A.unsqueeze(3) * residuals).sum(dim=1)


def case(
    *shape: int, num_codes: int = 4, layout: str = "channels last", dtype: torch.dtype = torch.float64
) -> tuple[Encoding, Tensor]:
    """Returns a layer whose assignment is neither uniform nor one-hot, and features that require gradients."""
    torch.manual_seed(0)
    layer = Encoding(shape[1], num_codes).to(dtype)
    torch.nn.init.normal_(layer.codewords)
    layer.scale.data /= shape[1] / 4
    features = torch.randn(shape, dtype=dtype).contiguous(memory_format=LAYOUTS[layout])
    return layer, features.requires_grad_()


def gradients(output: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Returns the gradients of a random weighted sum of the output, with the same weights for every type."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(output.shape, dtype=torch.float64, generator=generator)
    return torch.autograd.grad(output, inputs, weights.to(output.dtype))


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 150), st.integers(1, 5), st.integers(1, 5)),
    num_codes=st.integers(1, 6),
    layout=st.sampled_from([*LAYOUTS]),
)
def test_sums_and_gradients_equal_those_of_the_equations(shape: tuple[int, ...], num_codes: int, layout: str) -> None:
    layer, features = case(*shape, num_codes=num_codes, layout=layout)
    inputs = (features, layer.codewords, layer.scale)
    output, expected = layer(features), plain(*inputs)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradients(output, *inputs), gradients(expected, *inputs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_float32_gradients_are_as_exact_as_autograd_of_the_equations(layout: str, offset: float) -> None:
    layer, features = case(2, 256, 9, 11, num_codes=16, layout=layout, dtype=torch.float32)
    features.data += offset  # far from the codewords, where distances are large compared to their differences
    inputs = (features, layer.codewords, layer.scale)
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    expected = gradients(plain(*exact), *exact)
    actual, autograd = gradients(layer(features), *inputs), gradients(plain(*inputs), *inputs)
    for actual_grad, autograd_grad, grad in zip(actual, autograd, expected, strict=True):
        error, autograd_error = ((value.double() - grad).norm() / grad.norm() for value in (actual_grad, autograd_grad))
        assert error < max(1e-5, 4 * float(autograd_error))


def test_bfloat16_features_under_autocast_are_summed_in_float32() -> None:
    layer, _ = case(2, 64, 9, 11, num_codes=8, dtype=torch.float32)
    features = torch.randn(2, 64, 9, 11).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(features)
        assert output.dtype == torch.float32
        actual = gradients(output, features, layer.codewords, layer.scale)  # autocast must not matter here
    exact = [tensor.detach().double().requires_grad_() for tensor in (features, layer.codewords, layer.scale)]
    expected = gradients(plain(*exact), *exact)
    assert actual[0].dtype == torch.bfloat16
    torch.testing.assert_close(actual[0].double(), expected[0], rtol=2**-8, atol=1e-4)  # rounded once, at the end
    for actual_grad, grad in zip(actual[1:], expected[1:], strict=True):
        torch.testing.assert_close(actual_grad.double(), grad, rtol=1e-3, atol=1e-3)


def test_half_precision_parameters_are_computed_with_in_float32() -> None:
    layer, _ = case(1, 64, 9, 11, num_codes=8, dtype=torch.float32)
    half = copy.deepcopy(layer).bfloat16()
    features = torch.randn(1, 64, 9, 11).bfloat16()
    single = copy.deepcopy(half).float()
    torch.testing.assert_close(half(features), single(features.float()).bfloat16())


def test_first_and_second_gradients_equal_finite_differences() -> None:
    layer, features = case(2, 3, 2, 3)
    X = features.detach().flatten(2).transpose(1, 2).contiguous().requires_grad_()
    assert torch.autograd.gradcheck(encode, (X, layer.codewords, layer.scale))
    assert torch.autograd.gradgradcheck(encode, (X, layer.codewords, layer.scale))


def test_zero_features_have_gradients() -> None:
    layer, features = case(1, 5, 2, 2)
    features.data[:, :, 0] = 0
    inputs = (features, layer.codewords, layer.scale)
    torch.testing.assert_close(gradients(layer(features), *inputs), gradients(plain(*inputs), *inputs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_features_and_assignment_are_kept_for_the_gradients(dtype: torch.dtype) -> None:
    layer, _ = case(2, 16, 5, 7, dtype=torch.float32)
    features = torch.randn(2, 16, 5, 7, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        layer(features)
    inputs = {parameter.data_ptr() for parameter in layer.parameters()} | {features.data_ptr()}
    assert features.data_ptr() in {tensor.data_ptr() for tensor in kept}
    added = [tensor for tensor in kept if tensor.data_ptr() not in inputs]
    assert [tensor.shape for tensor in added] == [(2, 35, 4)]
    torch.testing.assert_close(added[0].sum(dim=2), torch.ones(2, 35))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_has_the_memory_layout_of_the_features(layout: str) -> None:
    layer, features = case(2, 8, 3, 5, layout=layout)
    (grad_features,) = gradients(layer(features), features)
    assert grad_features.stride() == features.stride()


def test_frozen_parameters_get_no_gradient() -> None:
    layer, features = case(1, 3, 4, 4)
    layer.requires_grad_(False)
    layer(features).sum().backward()
    assert features.grad is not None and layer.codewords.grad is None
    layer.requires_grad_(True)
    layer(features.detach()).square().sum().backward()
    assert layer.codewords.grad is not None and layer.scale.grad is not None


def test_views_of_larger_features_have_gradients() -> None:
    layer, features = case(2, 6, 8, 9)
    part = features[:, :, 2:7, 1:8]
    inputs = (features, layer.codewords, layer.scale)
    torch.testing.assert_close(gradients(layer(part), *inputs), gradients(plain(part, *inputs[1:]), *inputs))


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # by vmap, for in-place sums
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")  # by PyTorch's forward mode
def test_function_transforms_agree_with_autograd() -> None:
    layer, features = case(3, 5, 2, 4)
    parameters = {name: parameter.detach() for name, parameter in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], features: Tensor) -> Tensor:
        encoded: Tensor = torch.func.functional_call(layer, parameters, (features,))
        return encoded.square().sum()

    expected = torch.autograd.grad(layer(features).square().sum(), list(layer.parameters()))
    gradient = torch.func.grad(loss)(parameters, features.detach())
    torch.testing.assert_close(tuple(gradient.values()), expected)
    per_image = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, features.detach().unsqueeze(1))
    torch.testing.assert_close(tuple(value.sum(dim=0) for value in per_image.values()), expected)
    tangents = {name: torch.ones_like(value) for name, value in parameters.items()}
    forward_mode = torch.func.jvp(lambda p: loss(p, features.detach()), (parameters,), (tangents,))
    torch.testing.assert_close(forward_mode[1], torch.stack([value.sum() for value in expected]).sum())


def test_copied_and_pickled_layers_compute_the_same() -> None:
    layer, features = case(1, 5, 2, 2)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(features), layer(features))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layer_compiles_to_one_graph(layout: str) -> None:
    layer, features = case(2, 6, 3, 4, layout=layout)
    inputs = (features, layer.codewords, layer.scale)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(features), layer(features))
    torch.testing.assert_close(gradients(compiled(features), *inputs), gradients(layer(features), *inputs))
    with torch.no_grad():
        torch.testing.assert_close(compiled(features), layer(features))


def test_exported_layer_accepts_any_batch_and_size() -> None:
    layer, features = case(2, 6, 3, 4, layout="contiguous", dtype=torch.float32)
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height", "width"))
    sizes = ({0: batch, 2: height, 3: width},)
    program = torch.export.export(layer.eval(), (features.detach(),), dynamic_shapes=sizes)
    for shape in ((1, 6, 5, 7), (3, 6, 2, 9)):
        images = torch.randn(shape)
        torch.testing.assert_close(program.module()(images), layer(images))


def test_onnx_runtime_equals_the_layer(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    layer, features = case(2, 6, 3, 4, layout="contiguous", dtype=torch.float32)
    sizes = ({0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")},)
    path = tmp_path / "encoding.onnx"
    torch.onnx.export(layer.eval(), (features.detach(),), path, dynamo=True, dynamic_shapes=sizes, verbose=False)
    nodes = onnx.load(path).graph.node
    assert sum(node.op_type in ("MatMul", "Gemm") for node in nodes) == 2
    assert sum(node.op_type == "Softmax" for node in nodes) == 1
    session = onnxruntime.InferenceSession(path)
    for shape in ((1, 6, 5, 7), (3, 6, 2, 9)):
        images = torch.randn(shape)
        (encoded,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        torch.testing.assert_close(torch.from_numpy(encoded), layer(images).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_gradients_on_a_gpu_equal_those_on_the_cpu() -> None:
    layer, features = case(2, 64, 9, 11, num_codes=8)
    inputs = (features, layer.codewords, layer.scale)
    expected = gradients(layer(features), *inputs)
    gpu_inputs = [tensor.detach().cuda().requires_grad_() for tensor in inputs]
    output = encode(gpu_inputs[0].permute(0, 2, 3, 1).flatten(1, 2), *gpu_inputs[1:])
    weights = torch.randn(output.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).cuda()
    actual = torch.autograd.grad(output, gpu_inputs, weights)
    torch.testing.assert_close(tuple(gradient.cpu() for gradient in actual), expected)
