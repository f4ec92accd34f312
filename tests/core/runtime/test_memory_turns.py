"""Turns in memory that holds only some of their models: ears, a chat, a painter and a voice.

The models are tiny, but the processes are the real ones: what they take is mostly their libraries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.catalogue.spec import File, ModelSpec, Task
from core.runtime.forecast import GB
from core.runtime.pool import Pool
from core.settings import MemorySettings, Settings
from core.types.events import Progress, Tick
from core.types.generation import ImageResult, Sampling, Usage
from core.types.image_request import ImageRequest
from core.types.messages import Audio
from tests.sound import sounds
from tests.support.leases import HELLO, taken
from tests.tiny.tiny_diffusion import write_tiny_diffusion
from tests.tiny.tiny_gguf import write_tiny_gguf
from tests.tiny.tiny_vits import write_tiny_vits
from tests.tiny.tiny_whisper import write_tiny_whisper

pytestmark = [
    pytest.mark.engines,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of coqui-tts, while the voice is written
]

Writer = Callable[[Path], object]
ENGINES: dict[str, tuple[Task, str, Writer, tuple[Any, ...]]] = {
    "ears": ("hear", "whisper", write_tiny_whisper, ("transcribe", sounds.tone(0.5))),
    "chat": (
        "chat", "llama", lambda folder: write_tiny_gguf(folder / "model.gguf"),
        ("reply", HELLO, Sampling(max_tokens=8, seed=1), "c"),
    ),
    "painter": (
        "paint", "diffusion", write_tiny_diffusion, ("paint", ImageRequest("a house", width=64, height=64, steps=2)),
    ),
    "voice": ("speak", "coqui", write_tiny_vits, ("speak", "Hello there.")),
}  # fmt: skip
ANSWERS = {"chat": Usage, "painter": ImageResult, "voice": Audio}  # the ears hear nothing in a tone


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the four models in it."""
    folder = tmp_path_factory.mktemp("home")
    for name, (_, _, write, _) in ENGINES.items():
        (folder / "models" / name).mkdir(parents=True)
        write(folder / "models" / name)
    return folder


@pytest.fixture(scope="module")
def specs(home: Path) -> dict[str, ModelSpec]:
    return {name: spec_of(home, name) for name in ENGINES}


@pytest.fixture(scope="module")
def cramped(home: Path, specs: dict[str, ModelSpec]) -> Iterator[Pool]:
    """A pool that knows what each takes on this machine, and holds the two largest of the four and no third."""
    plenty = Settings(home, memory=MemorySettings(ram_gb=64, keep_minutes=0), context_tokens=512)
    pool = Pool(plenty, gpu_free=lambda: 0)
    for spec in specs.values():
        assert taken_turn(pool, spec)[0], spec.id
    peaks = sorted(loaded.bytes for loaded in pool.loaded())
    pool.change(replace(plenty, memory=replace(plenty.memory, ram_gb=1.02 * sum(peaks[-2:]) / GB)))
    yield pool
    pool.close()


def spec_of(home: Path, name: str) -> ModelSpec:
    task, engine, _, _ = ENGINES[name]
    folder = home / "models" / name
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = tuple(File(path.relative_to(folder).as_posix(), path.stat().st_size, "", ()) for path in paths)
    return ModelSpec(name, f"The {name}", task, engine, "MIT", ("en",), 1000, "1", files)


def taken_turn(pool: Pool, spec: ModelSpec) -> tuple[bool, list[str]]:
    """Whether the model gave the answer that it should, and what was said on the way."""
    lease, said = taken(pool.use(spec))
    with lease as worker, worker.call(*ENGINES[spec.id][3]) as call:
        items = [item for item in call if not isinstance(item, Tick | Progress)]
    right = spec.id not in ANSWERS or any(isinstance(item, ANSWERS[spec.id]) for item in items)
    return right, [str(step.note) for step in said]


def in_memory() -> int:
    """Bytes that the workers have together."""
    return sum(child.memory_info().rss for child in psutil.Process().children())


def test_hearing_answering_painting_and_speaking_take_turns_in_memory_for_two(
    cramped: Pool, specs: dict[str, ModelSpec]
) -> None:
    said = []
    for name in ("ears", "chat", "painter", "voice"):
        right, notes = taken_turn(cramped, specs[name])
        assert right, name
        assert sum(loaded.bytes for loaded in cramped.loaded()) <= cramped.budget
        assert in_memory() <= cramped.budget
        said += notes
    assert any(note.startswith("Unloaded The ") for note in said)


def test_two_people_whose_models_do_not_fit_together_are_both_answered(
    cramped: Pool, specs: dict[str, ModelSpec]
) -> None:
    answered: list[tuple[str, bool]] = []

    def talk(names: tuple[str, ...]) -> None:
        answered.extend((name, taken_turn(cramped, specs[name])[0]) for name in names)

    wishes = ("painter", "chat", "ears"), ("voice", "ears", "chat")
    people = [threading.Thread(target=talk, args=(names,)) for names in wishes]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=300)
    assert sorted(answered) == sorted((name, True) for name in ("painter", "voice", "chat", "chat", "ears", "ears"))
    assert sum(loaded.bytes for loaded in cramped.loaded()) <= cramped.budget
