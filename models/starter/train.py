"""All stages with one command: ``python -m models.starter.train --data icons.safetensors --out DIR --minutes 25``.

On a GPU two lanes run beside each other, because models this small leave it idle between their kernels: the judge, CLIP
that begins with its convolutions, the eyes that begin with CLIP's tower; the autoencoder, and the brush that paints in
its latents. On a CPU one stage follows the other.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # looking for a GPU must not keep the lanes from forking
import torch

from models.starter import autoencoder, brush, clip, eyes, judge, scenes

STAGES = {
    "clip": clip.main,
    "eyes": eyes.main,
    "autoencoder": autoencoder.main,
    "brush": brush.main,
    "judge": judge.main,
}
NEEDS = {
    "clip": ("--judge", "judge/judge"),
    "eyes": ("--clip", "clip/clip"),
    "brush": ("--vae", "autoencoder/vae"),
}
LANES = ((("judge", 0.25), ("clip", 0.25), ("eyes", 0.5)), (("autoencoder", 0.2), ("brush", 0.8)))  # of the time
IN_A_ROW = (("judge", 0.15), ("clip", 0.15), ("eyes", 0.2), ("autoencoder", 0.1), ("brush", 0.4))
STARTING = 6.0  # seconds until a stage takes its first step and until it has saved its last, on an H200


def stage(name: str, minutes: float, told: argparse.Namespace) -> None:
    """Train one stage in this process, its words into DIR/NAME.log."""
    argv = ["--data", str(told.data), "--out", str(told.out / name), "--minutes", f"{minutes:.3f}"]
    argv += ["--seed", str(told.seed), "--device", told.device]
    if name in NEEDS:
        flag, folder = NEEDS[name]
        argv += [flag, str(told.out / folder)]
    began = time.monotonic()
    print(f"{name}: {minutes:.1f} minutes", flush=True)
    kept = os.dup(1), os.dup(2)
    with (told.out / f"{name}.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            STAGES[name](argv)
        except Exception:
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
    print(f"{name}: done after {time.monotonic() - began:.0f} s", flush=True)


def lane(stages: Sequence[tuple[str, float]], end: float, told: argparse.Namespace) -> None:
    """The stages in order, by ``end`` on the monotonic clock; each gets its share of what is left by then."""
    rest = 1.0
    for name, share in stages:
        left = (end - time.monotonic()) / 60
        stage(name, max(0.02, left * share / rest - STARTING / 60), told)
        rest -= share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=0.0, help="in all; 25 on a GPU and 150 on a CPU if not given")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    gpu = told.device == "cuda"
    end = time.monotonic() + 60 * (told.minutes or (25 if gpu else 150))
    torch.set_num_threads(1)  # no thread may be running when the lanes are forked
    scenes.load(told.data)
    forking = multiprocessing.get_context("fork")
    lanes = LANES if gpu else (IN_A_ROW,)
    running = [forking.Process(target=lane, args=(stages, end, told)) for stages in lanes]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return max(abs(each.exitcode or 0) for each in running)


if __name__ == "__main__":
    sys.exit(main())
