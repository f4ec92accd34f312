"""Which model of each task is recommended: a table of machines and languages over a small catalogue."""

from __future__ import annotations

import pytest

from core.catalogue.load import load
from core.catalogue.recommend import recommended
from core.catalogue.spec import File, ModelSpec, Task

GB = 1_000_000_000


def model(
    id: str, task: Task, size: float, languages: str = "en zh", gpu: float = 0, terms: str = "", steps: int = 0
) -> ModelSpec:
    """``size`` in GB, of the file and of the memory; ``gpu`` in GB of memory there."""
    file = File("model", int(size * GB), "0" * 64, ())
    defaults = (("steps", steps),) if steps else ()
    spoken = tuple(languages.split())
    return ModelSpec(
        id, id, task, "engine", "MIT", spoken, int(size * GB), "1", (file,), gpu_memory=int(gpu * GB), terms=terms,
        defaults=defaults,
    )  # fmt: skip


MODELS = (
    model("small", "chat", 0.1, "en"),
    model("middle", "chat", 1.1),
    model("good", "chat", 2.5),
    model("good-english", "chat", 2.6, "en"),
    model("large", "chat", 5.0, gpu=6.0),
    model("huge", "chat", 15.0, gpu=17.0),
    model("bound", "chat", 2.55, terms="https://licence.example"),
    model("quick", "paint", 3.0, "", gpu=3.0, steps=4),
    model("slow", "paint", 2.0, "", gpu=3.0, steps=25),
    model("splendid", "paint", 7.0, "", gpu=9.0, steps=30),
    model("first-voice", "speak", 0.1),
    model("bound-voice", "speak", 2.0, terms="https://licence.example"),
)


@pytest.mark.parametrize(
    ("memory", "gpu", "language", "chat", "paint"),
    [
        (16, 0, "en", "good-english", "quick"),
        (16, 0, "zh", "good", "quick"),  # what knows the language comes before what is larger
        (64, 0, "zh", "good", "quick"),  # more would fit, but a CPU is too slow for it
        (3, 0, "en", "middle", "slow"),  # no more than three quarters for one model
        (1.3, 0, "zh", "middle", None),  # all of it where nothing smaller knows the language
        (0.2, 0, "zh", "small", None),  # better another language than nothing
        (0.05, 0, "en", None, None),
        (16, 8, "zh", "large", "quick"),  # a GPU makes larger ones quick
        (16, 24, "en", "huge", "splendid"),
    ],
)
def test_what_suits_a_machine(memory: float, gpu: float, language: str, chat: str | None, paint: str | None) -> None:
    best = recommended(MODELS, int(memory * GB), int(gpu * GB), language)
    tasks = {spec.task: spec.id for spec in MODELS if spec.id in best}
    assert (tasks.get("chat"), tasks.get("paint")) == (chat, paint)


def test_where_size_says_nothing_the_catalogues_order_does() -> None:
    assert "first-voice" in recommended(MODELS, 16 * GB, 24 * GB, "en")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_common_machine_is_recommended_one_free_model_for_every_task(language: str) -> None:
    models = load().models
    best = [spec for spec in models if spec.id in recommended(models, 6 * GB, 0, language)]
    assert sorted(spec.task for spec in best) == sorted({spec.task for spec in models})
    assert all(language in spec.languages for spec in best if spec.task != "paint")
    assert not any(spec.terms for spec in best)
