"""Errors of forms: a form that fails is left out, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from encnet.benchmark.forms import Form, LeftOut
from encnet.system.errors import InputError, first_line


class Attempts:
    """Keeps the errors of forms, so that the others go on.

    Args:
        first: the form that all are compared with; its error ends the benchmark.
        left_out: forms that are not tried at all.
    """

    def __init__(self, first: Form, left_out: Sequence[LeftOut]) -> None:
        self._first, self._left_out = first, list(left_out)
        self._failed: dict[Form, str] = {}

    @contextmanager
    def of(self, form: Form) -> Iterator[None]:
        """A context whose error leaves the form out.

        Raises:
            InputError: the first form fails.
        """
        try:
            yield
        except InputError as error:
            if form == self._first:
                raise
            self._failed[form] = str(error)
        except Exception as error:  # whatever a library raises
            if form == self._first:
                raise InputError(f"the model does not run in {form.name} ({first_line(error)})") from error
            self._failed[form] = first_line(error)

    def rest(self, forms: Sequence[Form]) -> list[Form]:
        """The forms that have not failed."""
        return [form for form in forms if form not in self._failed]

    def reasons(self) -> tuple[LeftOut, ...]:
        """What was left out and what failed; forms with one reason together."""
        names: dict[str, list[str]] = {}
        for form, reason in self._failed.items():
            names.setdefault(reason, []).append(form.name)
        return (*self._left_out, *(LeftOut(", ".join(forms), reason) for reason, forms in names.items()))
