"""A model behind a server: predictions in threads of their own, so many at once, each within its time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from encnet.app.limits import BUSY, TOO_LONG, WAITING, Limits, RefusedError
from encnet.app.upload import decoded
from encnet.errors import InputError
from encnet.inference.predictor import Predictor
from encnet.inference.segmentation import Segmentation

if TYPE_CHECKING:
    from encnet.explanation.result import Explanation

_Result = TypeVar("_Result")


class Service:
    """What the page and the HTTP routes ask: both share the limits.

    Args:
        predictor: what predicts.
        limits: on what one visitor may ask.

    Attributes:
        explains: whether the model has codewords that can be shown.
    """

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor = predictor
        self.limits = limits
        self.explains = _explains(predictor)
        self._pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="encnet-app")
        self._lock = threading.Lock()
        self._jobs = 0  # that wait or run

    def segment(self, content: bytes) -> Segmentation:
        """Predicts the image that a file holds, in the thread of the caller.

        Raises:
            InputError: see :func:`encnet.app.upload.decoded`.
        """
        return self.predictor(decoded(content, self.limits))

    def explain(self, content: bytes) -> Explanation:
        """What the context encoding sees in the image that a file holds, in the thread of the caller.

        Raises:
            InputError: see :func:`encnet.app.upload.decoded`; or the model has no codewords that can be shown.
        """
        from encnet.explanation.run import explain

        return explain(self.predictor, decoded(content, self.limits), groups=1)

    async def run(self, job: Callable[[], _Result]) -> _Result:
        """Waits until a thread is free, and for what ``job`` returns there.

        A job that takes too long cannot be stopped: its caller is answered, and it keeps its place until it ends.

        Raises:
            RefusedError: too many wait already, or the time is over.
            InputError: as ``job`` raises it.
        """
        with self._lock:
            if self._jobs >= self.limits.concurrency + WAITING:
                raise RefusedError("the server has too much to do; try again in a minute", BUSY)
            self._jobs += 1
        future = self._pool.submit(job)
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.timeout)
        except asyncio.TimeoutError as error:
            raise RefusedError(
                f"there is no result after {self.limits.timeout:g} seconds; send a smaller image, or try again later",
                TOO_LONG,
            ) from error

    def close(self) -> None:
        """Waits for the predictions that run, and starts no further one."""
        self._pool.shutdown(cancel_futures=True)

    def _ended(self, future: object) -> None:
        with self._lock:
            self._jobs -= 1


def _explains(predictor: Predictor) -> bool:
    if predictor.engine.name not in ("pytorch", "compile"):  # what follows takes PyTorch
        return False
    from encnet.explanation.observation import Observer

    try:
        Observer(predictor)
    except InputError:
        return False
    return True
