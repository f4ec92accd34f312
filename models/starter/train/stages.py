"""All stages with one command: ``python -m models.starter.train --data icons.safetensors --out DIR``.

Two lanes run beside each other: the classifier, CLIP that begins with its convolutions, CLIP once more for colours,
the eyes that begin with its tower, those once more for dyes, and the mean of both; and the autoencoder, then the brush,
whose text tower begins as CLIP's. Models this small leave a GPU idle between their kernels, and on two CPU cores two
processes of one thread do more than one of two.
With ``--judge`` the classifier is not trained but taken from a folder.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # looking for a GPU must not keep the lanes from forking
import torch

from models.starter.data import pack
from models.starter.train import autoencoder, blend, brush, clip, eyes, judge


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """``ends``: when it is to be done, as a part of the whole time. ``needs``: flags, and folders of earlier stages."""

    name: str
    ends: float
    main: Callable[[Sequence[str]], None]
    needs: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()


LANES = (
    (
        TrainingStage("judge", 0.12, judge.main),
        TrainingStage("clip", 0.26, clip.main, (("--judge", "judge/judge"),)),
        TrainingStage("colours", 0.38, clip.main, (("--before", "clip/clip"),), ("--rate", "3e-4")),
        TrainingStage("eyes", 0.86, eyes.main, (("--clip", "colours/clip"),)),
        TrainingStage(
            "dyes", 0.99, eyes.main, (("--clip", "colours/clip"), ("--before", "eyes/eyes")), ("--rate", "3e-4")
        ),
        TrainingStage("blend", 1.0, blend.main, (("--of", "eyes/eyes"), ("--of", "dyes/eyes"))),
    ),
    (
        TrainingStage("autoencoder", 0.33, autoencoder.main, (), ("--rate", "2e-3")),
        TrainingStage("brush", 1.0, brush.main, (("--vae", "autoencoder/vae"), ("--clip", "clip/clip"))),
    ),
)
DONE = "done"  # a file in a stage's folder: its weights are whole
STARTING = 6.0  # seconds until a stage takes its first step and until it has saved its last, on an H200


def run(stage: TrainingStage, minutes: float, told: argparse.Namespace) -> None:
    """Train one stage in this process, its words into DIR/NAME.log."""
    argv = ["--data", str(told.data), "--out", str(told.out / stage.name), "--minutes", f"{minutes:.3f}"]
    argv += ["--seed", str(told.seed), "--device", told.device, "--threads", "1", *stage.flags]
    for flag, folder in stage.needs:
        argv += [flag, str(told.judge if told.judge and flag == "--judge" else told.out / folder)]
    began = time.monotonic()
    print(f"{stage.name}: {minutes:.1f} minutes", flush=True)
    kept = os.dup(1), os.dup(2)
    with (told.out / f"{stage.name}.log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            stage.main(argv)
        except Exception:  # whatever it is belongs into the stage's log before it ends the lane
            traceback.print_exc()
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
    (told.out / stage.name / DONE).touch()
    print(f"{stage.name}: done after {time.monotonic() - began:.0f} s", flush=True)


def lane(stages: Sequence[TrainingStage], began: float, told: argparse.Namespace) -> None:
    """The stages in order, each until its time of the ``told.minutes`` since ``began`` on the monotonic clock."""
    for stage in stages:
        if stage.name == "judge" and told.judge:
            continue
        for flag, folder in stage.needs:
            given = told.judge is not None and flag == "--judge"
            while not given and not (told.out / Path(folder).parts[0] / DONE).exists():
                time.sleep(1)
        left = stage.ends * told.minutes - (time.monotonic() - began) / 60
        run(stage, max(0.02, left - STARTING / 60), told)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", type=Path, help="a trained classifier's folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=0.0, help="in all; 25 on a GPU and 150 on a CPU if not given")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    told.minutes = told.minutes or (25 if told.device == "cuda" else 150)
    torch.set_num_threads(1)  # no thread may be running when the lanes are forked
    pack.load(told.data)
    began = time.monotonic()
    forking = multiprocessing.get_context("fork")
    running = [forking.Process(target=lane, args=(stages, began, told)) for stages in LANES]
    for each in running:
        each.start()
    while any(each.is_alive() for each in running):
        if any(each.exitcode for each in running):  # one waits for what the other makes
            for each in running:
                each.terminate()
        time.sleep(1)
    return max(abs(each.exitcode or 0) for each in running)


if __name__ == "__main__":
    sys.exit(main())
