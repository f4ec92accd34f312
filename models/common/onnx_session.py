"""ONNX Runtime sessions for models that run beside others: few threads, which sleep while they wait."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from core.errors import EngineFailed
from core.l10n.text import l10n


def versions() -> dict[str, str]:
    """What such an engine is built with, for ``doctor``; loads no model."""
    import onnxruntime

    version = importlib.metadata.version("onnxruntime")
    return {"onnxruntime": version, "providers": " ".join(onnxruntime.get_available_providers())}


def opened(name: str, file: Path, threads: int) -> Any:
    """The model in ``file`` on so many ``threads`` of the CPU. Raises EngineFailed, naming it, when it is broken."""
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except (OSError, ValueError, Fail, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
        raise EngineFailed(
            l10n("{name} cannot be opened: {error}. Remove the model and install it again.", name=name, error=error)
        ) from error
