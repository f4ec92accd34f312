"""A UNet recorded once as a CUDA graph and replayed at every step.

A UNet is about a thousand small kernels; on a fast GPU at a batch of two, starting each of them from Python takes
longer than computing it. A graph starts them all at once (CUDA C++ Programming Guide, "CUDA Graphs").
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.diffusion.denoise import call

Shapes = tuple[tuple[str, torch.Size, torch.dtype], ...]


class Graphed:
    """A ``Predict`` over a UNet whose weights stay where they are on the GPU.

    The first call with new shapes computes as usual, which also warms up the libraries; the second records; from then
    on the recording is replayed. One recording is held: that of the last shapes. Where recording fails (``refused``
    says why) every call computes as usual.
    """

    def __init__(self, unet: Any) -> None:
        self.refused = ""
        self._unet = unet
        self._shapes: Shapes = ()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: dict[str, Tensor] = {}
        self._output: Tensor | None = None

    @property
    def recorded(self) -> bool:
        return self._graph is not None

    def __call__(self, sample: Tensor, time: Tensor, embeds: Tensor, conditions: dict[str, Tensor]) -> Tensor:
        """The UNet's output; valid until the next call."""
        inputs = {"sample": sample, "time": time.to(sample.device), "embeds": embeds, **conditions}
        shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
        if self.refused or shapes != self._shapes:
            self.drop()
            self._shapes = shapes
            return self._computed(inputs)
        if self._graph is None:
            self._record(inputs)
        if self._graph is None or self._output is None:
            return self._computed(inputs)
        for name, value in inputs.items():
            self._inputs[name].copy_(value)
        self._graph.replay()
        return self._output

    def drop(self) -> None:
        """Forget the recording and give back its memory."""
        self._graph, self._output, self._inputs, self._shapes = None, None, {}, ()

    def _computed(self, inputs: dict[str, Tensor]) -> Tensor:
        conditions = {name: value for name, value in inputs.items() if name not in ("sample", "time", "embeds")}
        return call(self._unet, inputs["sample"], inputs["time"], inputs["embeds"], conditions)

    def _record(self, inputs: dict[str, Tensor]) -> None:
        self._inputs = {name: value.clone() for name, value in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._output = self._computed(self._inputs)
        except torch.OutOfMemoryError:
            self.drop()
            raise
        except RuntimeError as error:  # an operation that cannot be recorded: a copy from the CPU, a wait
            self.drop()
            self.refused = str(error).partition("\n")[0]
            return
        self._graph = graph
