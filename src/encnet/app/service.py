"""Runs a model for a server: in threads, with limits on concurrency, waiting requests and time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from encnet.app.limits import BUSY, TOO_LONG, WAITING, Limits, RefusedError
from encnet.app.upload import decoded
from encnet.inference.predictor import Predictor
from encnet.inference.segmentation import Segmentation
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from encnet.explanation.result import Explanation

_Result = TypeVar("_Result")


class Service:
    """Predictions and explanations for the page and the HTTP routes, which share the limits.

    Args:
        predictor: runs the model.
        limits: limits of a request, and of all requests together.
    """

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor: Predictor = predictor
        self.limits: Limits = limits
        self.explains: bool = _explains(predictor)
        """True if the model has codewords that can be shown."""
        self._pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="encnet-app")
        self._lock = threading.Lock()
        self._jobs = 0  # waiting or running

    def segment(self, content: bytes) -> Segmentation:
        """Segments the image in a file, in the thread of the caller.

        Raises:
            InputError: see :func:`encnet.app.upload.decoded`.
        """
        return self.predictor(decoded(content, self.limits, self.predictor.preprocessing.source))

    def explain(self, content: bytes) -> Explanation:
        """Explains what the context encoding sees in the image in a file, in the thread of the caller.

        Raises:
            InputError: see :func:`encnet.app.upload.decoded`; or the model has no codewords that can be shown.
        """
        from encnet.explanation.run import explain

        return explain(self.predictor, decoded(content, self.limits, self.predictor.preprocessing.source), groups=1)

    async def run(self, job: Callable[[], _Result]) -> _Result:
        """Runs ``job`` in the next free thread, and returns its result.

        A job that takes too long cannot be stopped: its caller gets an error, and the job occupies its thread until it
        ends.

        Raises:
            RefusedError: too many jobs are waiting, or the job took too long.
            InputError: ``job`` raised it.
        """
        with self._lock:
            if self._jobs >= self.limits.concurrency + WAITING:
                raise RefusedError("the server is busy; try again in a minute", BUSY)
            self._jobs += 1
        future = self._pool.submit(job)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.timeout)
        except TimeoutError as error:
            raise RefusedError(
                f"no result after {self.limits.timeout:g} seconds; send a smaller image, or try again later",
                TOO_LONG,
            ) from error

    def close(self) -> None:
        """Waits for running jobs, and cancels waiting ones."""
        self._pool.shutdown(cancel_futures=True)

    def _ended(self, future: object) -> None:
        with self._lock:
            self._jobs -= 1


def _explains(predictor: Predictor) -> bool:
    """True if the codewords of the model can be shown."""
    if predictor.engine.name not in ("pytorch", "compile"):  # the explanation needs PyTorch
        return False
    from encnet.explanation.observation import Observer

    try:
        Observer(predictor)
    except InputError:
        return False
    return True
