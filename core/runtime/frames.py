"""Inter-process frames: what crosses the pipe between the app and a worker, a length before each.

Frames are pickles, opened by an unpickler that knows the values and errors of ``core`` and nothing else, so that
neither side can be made to run code by the other.
"""

from __future__ import annotations

import io
import pickle
import struct
from dataclasses import dataclass, is_dataclass
from typing import IO, Any

from core.catalogue.spec import ModelSpec
from core.errors import ParlorError

LENGTH = struct.Struct("<Q")
MODULES = frozenset(
    f"core.{name}"
    for name in (
        "catalogue.spec",
        "errors",
        "l10n.text",
        "runtime.frames",
        "types.events",
        "types.generation",
        "types.image_request",
        "types.messages",
        "types.provenance",
    )
)


@dataclass(frozen=True, slots=True)
class Opening:
    """The first frame in: which engine to open, and the folder where its files lie."""

    spec: ModelSpec
    folder: str


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call of one of the engine's methods."""

    number: int
    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CallCancelled:
    """The parent has heard enough of a call."""

    number: int


@dataclass(frozen=True, slots=True)
class CallItem:
    """One item of a call's stream."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call is over; number 0 is the opening.

    ``peak`` is the process's highest resident memory so far, ``gpu`` its highest memory on the GPU; both in bytes.
    """

    number: int
    trouble: ParlorError | None
    peak: int
    gpu: int = 0


class ValuesOnly(pickle.Unpickler):
    """Finds the dataclasses and errors that the modules of MODULES define, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module in MODULES and "." not in name else None
        if isinstance(found, type) and found.__module__ == module and _may_cross(found):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} may not cross the pipe")


def _may_cross(found: type) -> bool:
    return is_dataclass(found) or issubclass(found, ParlorError)


def write_frame(pipe: IO[bytes], value: object) -> None:
    body = pickle.dumps(value, protocol=5)
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> Any:
    """The next value. Raises EOFError when the other side is gone, UnpicklingError for anything but our values."""
    header = pipe.read(LENGTH.size)
    if len(header) < LENGTH.size:
        raise EOFError
    size = LENGTH.unpack(header)[0]
    body = pipe.read(size)
    if len(body) < size:
        raise EOFError
    try:
        return ValuesOnly(io.BytesIO(body)).load()
    except (AttributeError, ImportError, IndexError, TypeError, ValueError) as error:  # not a frame that we wrote
        raise pickle.UnpicklingError(str(error)) from error
