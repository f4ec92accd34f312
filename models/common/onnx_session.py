"""ONNX Runtime sessions for models that run beside others: few threads, which sleep while they wait."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from models.common.load_errors import install_again


def versions() -> dict[str, str]:
    """What such an engine is built with, for ``doctor``; loads no model."""
    import onnxruntime

    version = importlib.metadata.version("onnxruntime")
    return {"onnxruntime": version, "providers": " ".join(onnxruntime.get_available_providers())}


def open_session(name: str, model: Path | bytes, threads: int) -> Any:
    """An InferenceSession of a file or its bytes, on so many CPU ``threads``. Raises EngineFailed naming ``name``."""
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except (OSError, ValueError, Fail, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
        raise install_again(name, error) from error
