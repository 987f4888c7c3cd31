"""The derivative of the Encoding layer against autograd of the plain equations, and where it has to run."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.model.encoding import Encoding
from encnet.model.encoding_function import encode

LAYOUTS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}


def plain(features: Tensor, D: Tensor, scale: Tensor) -> Tensor:
    """E from the residuals themselves."""
    residuals = features.flatten(2).transpose(1, 2).unsqueeze(2) - D
    A = torch.softmax(scale * residuals.square().sum(dim=3), dim=2)
    return (A.unsqueeze(3) * residuals).sum(dim=1)


def case(
    *shape: int, num_codes: int = 4, layout: str = "channels last", dtype: torch.dtype = torch.float64
) -> tuple[Encoding, Tensor]:
    """A layer, whose assignment is neither even nor one-sided, and features that want a derivative."""
    torch.manual_seed(0)
    layer = Encoding(shape[1], num_codes).to(dtype)
    torch.nn.init.normal_(layer.codewords)
    layer.scale.data /= shape[1] / 4
    features = torch.randn(shape, dtype=dtype).contiguous(memory_format=LAYOUTS[layout])
    return layer, features.requires_grad_()


def derivative(output: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    """Of a sum of the output's numbers with weights that do not depend on its type."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(output.shape, dtype=torch.float64, generator=generator)
    return torch.autograd.grad(output, of, weights.to(output.dtype))


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 150), st.integers(1, 5), st.integers(1, 5)),
    num_codes=st.integers(1, 6),
    layout=st.sampled_from([*LAYOUTS]),
)
def test_equals_autograd_of_the_equations(shape: tuple[int, ...], num_codes: int, layout: str) -> None:
    layer, features = case(*shape, num_codes=num_codes, layout=layout)
    inputs = (features, layer.codewords, layer.scale)
    output, expected = layer(features), plain(*inputs)
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(derivative(output, *inputs), derivative(expected, *inputs), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_float32_is_as_exact_as_autograd_of_the_equations(layout: str, offset: float) -> None:
    layer, features = case(2, 256, 9, 11, num_codes=16, layout=layout, dtype=torch.float32)
    features.data += offset  # far from the codewords, where differences of distances are small against them
    inputs = (features, layer.codewords, layer.scale)
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    expected = derivative(plain(*exact), *exact)
    ours, theirs = derivative(layer(features), *inputs), derivative(plain(*inputs), *inputs)
    for own, other, truth in zip(ours, theirs, expected, strict=True):
        size = truth.norm()
        assert (own.double() - truth).norm() / size < max(1e-5, 4 * float((other.double() - truth).norm() / size))


def test_bfloat16_features_under_autocast_are_summed_in_float32() -> None:
    layer, _ = case(2, 64, 9, 11, num_codes=8, dtype=torch.float32)
    features = torch.randn(2, 64, 9, 11).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(features)
        assert output.dtype == torch.float32
        ours = derivative(output, features, layer.codewords, layer.scale)  # inside autocast, which must not matter
    exact = [tensor.detach().double().requires_grad_() for tensor in (features, layer.codewords, layer.scale)]
    expected = derivative(plain(*exact), *exact)
    assert ours[0].dtype == torch.bfloat16
    torch.testing.assert_close(ours[0].double(), expected[0], rtol=2**-8, atol=1e-4)  # rounded once, at the end
    for own, truth in zip(ours[1:], expected[1:], strict=True):
        torch.testing.assert_close(own.double(), truth, rtol=1e-3, atol=1e-3)


def test_parameters_in_half_precision_lose_nothing_but_their_own_digits() -> None:
    layer, _ = case(1, 64, 9, 11, num_codes=8, dtype=torch.float32)
    half = copy.deepcopy(layer).bfloat16()
    features = torch.randn(1, 64, 9, 11).bfloat16()
    same = copy.deepcopy(half).float()
    torch.testing.assert_close(half(features), same(features.float()).bfloat16())


def test_gradients_of_both_orders_are_those_of_finite_differences() -> None:
    layer, features = case(2, 3, 2, 3)
    X = features.detach().flatten(2).transpose(1, 2).contiguous().requires_grad_()
    assert torch.autograd.gradcheck(encode, (X, layer.codewords, layer.scale))
    assert torch.autograd.gradgradcheck(encode, (X, layer.codewords, layer.scale))


def test_features_of_zero_have_a_derivative() -> None:
    layer, features = case(1, 5, 2, 2)
    features.data[:, :, 0] = 0
    inputs = (features, layer.codewords, layer.scale)
    for ours, theirs in zip(derivative(layer(features), *inputs), derivative(plain(*inputs), *inputs), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_features_and_assignment_are_kept(dtype: torch.dtype) -> None:
    layer, _ = case(2, 16, 5, 7, dtype=torch.float32)
    features = torch.randn(2, 16, 5, 7, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        layer(features)
    own = {parameter.data_ptr() for parameter in layer.parameters()} | {features.data_ptr()}
    assert features.data_ptr() in {tensor.data_ptr() for tensor in kept}
    added = [tensor for tensor in kept if tensor.data_ptr() not in own]
    assert [tensor.shape for tensor in added] == [(2, 35, 4)]
    torch.testing.assert_close(added[0].sum(dim=2), torch.ones(2, 35))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_derivative_lies_in_memory_as_the_features(layout: str) -> None:
    layer, features = case(2, 8, 3, 5, layout=layout)
    (of_features,) = derivative(layer(features), features)
    assert of_features.stride() == features.stride()


def test_what_is_frozen_gets_no_derivative() -> None:
    layer, features = case(1, 3, 4, 4)
    layer.requires_grad_(False)
    layer(features).sum().backward()
    assert features.grad is not None and layer.codewords.grad is None
    layer.requires_grad_(True)
    layer(features.detach()).square().sum().backward()
    assert layer.codewords.grad is not None and layer.scale.grad is not None


def test_parts_of_larger_features() -> None:
    layer, features = case(2, 6, 8, 9)
    part = features[:, :, 2:7, 1:8]
    inputs = (features, layer.codewords, layer.scale)
    expected = derivative(plain(part, *inputs[1:]), *inputs)
    for ours, theirs in zip(derivative(layer(part), *inputs), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # of vmap, where a sum is in place
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")  # by PyTorch's forward mode
def test_function_transforms() -> None:
    layer, features = case(3, 5, 2, 4)
    parameters = {name: parameter.detach() for name, parameter in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], features: Tensor) -> Tensor:
        encoded: Tensor = torch.func.functional_call(layer, parameters, (features,))
        return encoded.square().sum()

    expected = torch.autograd.grad(layer(features).square().sum(), list(layer.parameters()))
    gradient = torch.func.grad(loss)(parameters, features.detach())
    torch.testing.assert_close(tuple(gradient.values()), expected)
    of_each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, features.detach().unsqueeze(1))
    torch.testing.assert_close(tuple(value.sum(dim=0) for value in of_each.values()), expected)
    tangents = {name: torch.ones_like(value) for name, value in parameters.items()}
    forward_mode = torch.func.jvp(lambda p: loss(p, features.detach()), (parameters,), (tangents,))
    torch.testing.assert_close(forward_mode[1], torch.stack([value.sum() for value in expected]).sum())


def test_copies_and_pickles() -> None:
    layer, features = case(1, 5, 2, 2)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(features), layer(features))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_compiled_in_one_graph(layout: str) -> None:
    layer, features = case(2, 6, 3, 4, layout=layout)
    inputs = (features, layer.codewords, layer.scale)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(features), layer(features))
    torch.testing.assert_close(derivative(compiled(features), *inputs), derivative(layer(features), *inputs))
    with torch.no_grad():
        torch.testing.assert_close(compiled(features), layer(features))


def test_exported_with_batch_and_size_open() -> None:
    layer, features = case(2, 6, 3, 4, layout="contiguous", dtype=torch.float32)
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height", "width"))
    sizes = ({0: batch, 2: height, 3: width},)
    program = torch.export.export(layer.eval(), (features.detach(),), dynamic_shapes=sizes)
    for shape in ((1, 6, 5, 7), (3, 6, 2, 9)):
        images = torch.randn(shape)
        torch.testing.assert_close(program.module()(images), layer(images))


def test_onnx_runtime_computes_the_same(tmp_path: Path) -> None:
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
def test_on_a_gpu() -> None:
    layer, features = case(2, 64, 9, 11, num_codes=8)
    inputs = (features, layer.codewords, layer.scale)
    expected = derivative(layer(features), *inputs)
    there = [tensor.detach().cuda().requires_grad_() for tensor in inputs]
    output = encode(there[0].permute(0, 2, 3, 1).flatten(1, 2), *there[1:])
    weights = torch.randn(output.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).cuda()
    for ours, theirs in zip(torch.autograd.grad(output, there, weights), expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)
