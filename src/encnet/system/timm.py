"""timm, imported without PyTorch's compiler: a command that predicts one image would wait for it longer than for the
image.

torchvision and timm name the compiler once each while they are imported, to ask later whether it is there, and to keep
it off some functions. Until they are called, the compiler is not needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

import torch

__all__ = [
    "AvgPool2dSame",
    "BatchNormAct2d",
    "Conv2dSame",
    "EfficientNetFeatures",
    "FeatureInfo",
    "MobileNetV3Features",
    "adapt_input_conv",
    "timm",
]

COMPILER = "torch._dynamo"


@contextmanager
def compiler_on_demand() -> Iterator[None]:
    """Within this context, what names the compiler while it is imported gets a function that imports it when called.

    Nothing changes where the compiler is imported already. Afterwards ``torch`` is as it was.
    """
    if COMPILER in sys.modules:
        yield
        return
    disable = torch.compiler.disable
    utilities = ModuleType(f"{COMPILER}.utils")
    utilities.__dict__.update(is_compile_supported=_is_compile_supported, __getattr__=_of_the_compiler)
    sys.modules[utilities.__name__] = utilities

    def disabled(function: Any = None, *arguments: Any, **options: Any) -> Any:
        if function is None or arguments or options:
            return disable(function, *arguments, **options)
        return _disabled_when_called(function)

    torch.compiler.disable = disabled
    try:
        yield
    finally:
        torch.compiler.disable = disable
        if sys.modules.get(utilities.__name__) is utilities:
            del sys.modules[utilities.__name__]


def _of_the_compiler(name: str) -> Any:
    """Any other name of the module is that of the true one: other versions of the libraries may want more of it."""
    if name.startswith("__"):
        raise AttributeError(name)
    sys.modules.pop(f"{COMPILER}.utils", None)
    return getattr(import_module(f"{COMPILER}.utils"), name)


def _is_compile_supported(device_type: str) -> bool:
    from torch._dynamo.utils import is_compile_supported

    return is_compile_supported(device_type)


def _disabled_when_called(function: Callable[..., Any]) -> Callable[..., Any]:
    """What ``torch.compiler.disable`` returns, made at the first call."""
    disabled: list[Callable[..., Any]] = []

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if not disabled:
            disabled.append(torch.compiler.disable(function))
        return disabled[0](*arguments, **options)

    return call


with compiler_on_demand():
    import timm
    from timm.layers.conv2d_same import Conv2dSame
    from timm.layers.norm_act import BatchNormAct2d
    from timm.layers.pool2d_same import AvgPool2dSame
    from timm.models import FeatureInfo, adapt_input_conv
    from timm.models.efficientnet import EfficientNetFeatures
    from timm.models.mobilenetv3 import MobileNetV3Features
