"""What every stage's training shares: the command line, the clock, the loss curve, resuming, averaged weights.

The learning rate follows the clock, so that a stage takes the minutes it is given on any machine; with ``--steps`` it
follows the steps, and the same seed on the same machine gives the same weights.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import csv
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How to train: the packed ``data``, where to write, ``minutes`` or ``steps`` to take (0: by the clock)."""

    data: Path
    out: Path
    minutes: float
    steps: int
    batch: int
    rate: float
    seed: int
    device: str
    workers: int


def arguments(parser: argparse.ArgumentParser, argv: Sequence[str] | None, batch: int) -> tuple[TrainingRun, Any]:
    """The command line of a stage, whose ``parser`` has its own flags; what it says, as a Run and as it is.

    ``batch`` is for a GPU; a CPU takes an eighth of it unless told otherwise.
    """
    parser.add_argument(
        "--data", type=Path, required=True, help="icons.safetensors, as models.starter.data.build writes it"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to; a run left there is resumed")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--steps", type=int, default=0, help="a fixed number of steps, whatever the time")
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=-1, help="processes that compose scenes")
    parser.add_argument("--threads", type=int, default=0, help="of a CPU; all of them if not given")
    told = parser.parse_args(argv)
    gpu = told.device == "cuda"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # batches are made by processes of their own
    torch.manual_seed(told.seed)
    torch.set_num_threads(1 if gpu else told.threads or os.cpu_count() or 1)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = gpu
    told.out.mkdir(parents=True, exist_ok=True)
    run = TrainingRun(
        told.data, told.out, told.minutes, told.steps, told.batch or (batch if gpu else max(8, batch // 8)), told.rate,
        told.seed, told.device, told.workers if told.workers >= 0 else (4 if gpu else 0),
    )  # fmt: skip
    return run, told


class Trainer:
    """Trains ``modules`` together with AdamW. ``average`` is the decay of the averaged weights, 0 for none."""

    def __init__(
        self, run: TrainingRun, modules: dict[str, nn.Module], decay: float = 0.05, average: float = 0.0
    ) -> None:
        self.run, self.modules, self._average = run, modules, average
        self._parameters = [each for module in modules.values() for each in module.parameters() if each.requires_grad]
        groups = [
            {"params": [each for each in self._parameters if each.dim() > 1], "weight_decay": decay},
            {"params": [each for each in self._parameters if each.dim() < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=run.rate, betas=(0.9, 0.98), fused=True)
        self.averaged = {name: copy.deepcopy(module).eval() for name, module in modules.items()} if average else modules
        self._step, self._spent = 0, 0.0
        self._curve: list[tuple[float, ...]] = []
        self._resume()
        self._pairs = self._weights()

    def progress(self) -> float:
        """How much of the budget is used, 0 to 1."""
        used = self._step / self.run.steps if self.run.steps else self._spent / (60 * self.run.minutes)
        return min(1.0, used)

    def train(self, feed: Iterable[Any], loss: Callable[[Any], dict[str, Tensor]], sheet: Callable[[], None]) -> None:
        """Until the budget is used; ``loss`` gives named parts, whose sum is minimised. ``sheet`` shows samples."""
        began, spent, drawn = time.monotonic(), self._spent, self.progress()
        told, sums = time.monotonic(), torch.zeros((), device=self.run.device)
        for given in feed:
            parts = self._update(given, loss)
            sums = sums + torch.stack([part.detach().float() for part in parts.values()])
            self._spent = spent + time.monotonic() - began
            if self._step % 50 == 0 or self.progress() >= 1:
                self._tell(list(parts), (sums / (self._step % 50 or 50)).tolist())
                sums = torch.zeros((), device=self.run.device)
            if self.progress() >= 1:
                break
            if time.monotonic() - told > 60:
                self.save()
                told = time.monotonic()
            if self.progress() - drawn > 0.25:
                sheet()
                drawn = self.progress()
        self.save()
        sheet()

    def _update(self, given: Any, loss: Callable[[Any], dict[str, Tensor]]) -> dict[str, Tensor]:
        rate = self.run.rate * schedule(self.progress())
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with precision(self.run.device):
            parts = loss(given)
        self._optimizer.zero_grad(set_to_none=True)
        total: Any = torch.stack(list(parts.values())).sum()
        total.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._step += 1
        if self._average:
            self._blend()
        return parts

    @torch.no_grad()
    def _blend(self) -> None:
        kept = min(self._average, (1 + self._step) / (10 + self._step))
        torch._foreach_lerp_(*self._pairs, 1 - kept)

    def _weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """The averaged weights and those that are trained, one by one."""
        averaged, trained = [], []
        for name, module in self.modules.items():
            mine, theirs = self.averaged[name].state_dict(), module.state_dict()
            floats = [key for key, value in mine.items() if value.is_floating_point()]
            averaged += [mine[key] for key in floats]
            trained += [theirs[key] for key in floats]
        return averaged, trained

    def _tell(self, names: list[str], parts: list[float]) -> None:
        seen = self._step * self.run.batch
        self._curve.append((self._step, self._spent, *parts))
        words = " ".join(f"{name} {value:.4f}" for name, value in zip(names, parts, strict=True))
        print(
            f"step {self._step} {self.progress():.0%} {seen} samples {seen / max(self._spent, 1e-9):.0f}/s {words}",
            flush=True,
        )
        if self._step % 500 == 0 or self.progress() >= 1:
            curve(self.run.out, ["step", "seconds", *names], self._curve)

    def save(self) -> None:
        """Write everything that a resumed run needs."""
        state = {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "averaged": {name: module.state_dict() for name, module in self.averaged.items()} if self._average else {},
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "spent": self._spent,
            "curve": self._curve,
        }
        torch.save(state, self.run.out / f"{STATE}.part")
        (self.run.out / f"{STATE}.part").replace(self.run.out / STATE)

    def _resume(self) -> None:
        if not (self.run.out / STATE).exists():
            return
        state = torch.load(self.run.out / STATE, map_location=self.run.device, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
            if self._average:
                self.averaged[name].load_state_dict(state["averaged"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step, self._spent, self._curve = state["step"], state["spent"], state["curve"]


def schedule(progress: float) -> float:
    """The learning rate's factor: up over the first 3 %, then half a cosine down to 2 %."""
    return min(1.0, progress / 0.03 + 0.01) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def precision(device: str) -> contextlib.AbstractContextManager[Any]:
    """bfloat16 where the machine computes in it, else float32."""
    native = device == "cuda" or _bfloat16()
    return torch.autocast(device, torch.bfloat16) if native else contextlib.nullcontext()


def _bfloat16() -> bool:
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


class Feed(torch.utils.data.IterableDataset[Any]):
    """Batches without end from ``make(seed)``, a function that gives an iterator."""

    def __init__(self, make: Callable[[int], Iterator[Any]], seed: int) -> None:
        super().__init__()
        self._make, self._seed = make, seed

    def __iter__(self) -> Iterator[Any]:
        worker = torch.utils.data.get_worker_info()
        torch.set_num_threads(1) if worker else None
        return self._make(self._seed * 1000 + (worker.id if worker else 0))


def feed(run: TrainingRun, make: Callable[[int], Iterator[Any]], resumed: int = 0) -> Iterable[Any]:
    """``make``'s batches, made by ``run.workers`` processes ahead of time."""
    ahead = 6 if run.workers else None
    return torch.utils.data.DataLoader(
        Feed(make, run.seed + resumed), batch_size=None, num_workers=run.workers, prefetch_factor=ahead
    )


def curve(folder: Path, names: list[str], rows: list[tuple[float, ...]]) -> None:
    """Write loss.csv and loss.png, one line a part."""
    with (folder / "loss.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *[[f"{value:.6g}" for value in row] for row in rows]])
    wide, high = 640, 320
    image = Image.new("RGB", (wide, high), "white")
    draw = ImageDraw.Draw(image)
    inks = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
    for part, name in enumerate(names[2:]):
        values = [row[part + 2] for row in rows]
        top = max(values) or 1.0
        line = [(10 + (wide - 20) * at / max(1, len(values) - 1), high - 10 - (high - 40) * value / top)
                for at, value in enumerate(values)]  # fmt: skip
        draw.line(line, fill=inks[part % len(inks)], width=2)
        draw.text((20 + 110 * part, 6), f"{name} {values[-1]:.3f}", fill=inks[part % len(inks)])
    image.save(folder / "loss.png")


def sheet(pictures: Tensor, file: Path, across: int = 8) -> None:
    """Pictures [n, 3, h, w] from 0 to 1 in rows."""
    count, _, high, wide = pictures.shape
    down = -(-count // across)
    padded = torch.ones(across * down, 3, high, wide)
    padded[:count] = pictures.float().cpu().clamp(0, 1)
    tiled = padded.view(down, across, 3, high, wide).permute(0, 3, 1, 4, 2).reshape(down * high, across * wide, 3)
    Image.fromarray((tiled * 255).round().byte().numpy()).save(file)
