"""The engines that hold the network itself, which can be run in parts or with another context: those of PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from encnet.inference.engines.engine import Engine
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from encnet.inference.engines.pytorch import PyTorchEngine
    from encnet.inference.protocols.protocol import Protocol


def network_engine(engine: Engine, source: str | None, what: str, instead: str) -> PyTorchEngine:
    """The engine, if it is PyTorch, whose network can be run in parts.

    Args:
        engine: any engine.
        source: path or name of its model, for the message.
        what: subject and verb of the message, "a raster takes" for example.
        instead: alternative to a checkpoint, for the message.

    Raises:
        InputError: the engine is another one.
    """
    if engine.name not in ("pytorch", "compile"):
        raise InputError(
            f"{what} PyTorch and a checkpoint, but {source} runs in {engine.name}; give the checkpoint that it was"
            f" exported from, or {instead}"
        )
    return cast("PyTorchEngine", engine)


def context_engine(engine: Engine, source: str | None, protocol: Protocol) -> PyTorchEngine:
    """The engine, if the context of an image can be replaced under a protocol.

    Raises:
        InputError: there is no context encoding or no PyTorch, or the protocol sees the image more than once.
    """
    what, instead = "a context beyond that of a single image takes", "leave out the context memory"
    found = network_engine(engine, source, what, instead)
    if found.network.head.context is None:
        raise InputError(f"{engine.description.info.variant} has no context encoding; take a model that has one")
    if not protocol.once:
        name = protocol.name
        raise InputError(f"the protocol {name} has several contexts per image; take plain or tiled", "protocol")
    return found
