"""The record of a turn: what is stored of it is the fold of what it emitted, wherever it is stopped."""

from __future__ import annotations

import contextlib
import io
import random
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import PIL.Image
import pytest

from core.app.app import App
from core.app.runs import Run, Runs
from core.errors import EngineFailed
from core.l10n.text import both
from core.pipeline.respond import respond
from core.pipeline.turn_context import TurnContext
from core.pipeline.turn_record import TurnRecord, fold
from core.runtime.pool import Pool
from core.settings import load
from core.types.events import (
    Complete,
    Delta,
    Done,
    Event,
    FirstToken,
    ModelUsed,
    Notice,
    Picture,
    Progress,
    Sound,
    StageEnded,
    StageStarted,
    Tick,
    Understood,
)  # fmt: skip
from core.types.generation import Sampling, Usage
from core.types.image_request import ImageRequest
from core.types.messages import Audio, Image, Message, Text, Turn
from core.types.provenance import Provenance
from tests.support.own_models import own, with_tiny_painter
from tests.tiny.tiny_gguf import write_tiny_gguf
from tests.tiny.tiny_vits import write_tiny_vits

SHORT = Sampling(max_tokens=6, seed=3)
USAGE = Usage(9, 4, 5, 0.1, 0.25, "stop")


def entry(stage: str, model: str = "m") -> Provenance:
    return Provenance(stage, model, "1", "00")


def picture(number: int) -> Picture:
    return Picture(Image(bytes([number]), "image/png"), entry("paint", f"painter {number}"))


# the fold


def test_the_author_of_the_words_comes_first_and_the_others_as_they_came() -> None:
    record = fold(ModelUsed(entry(stage)) for stage in ("listen", "read", "look", "chat", "speak"))
    assert [each.stage for each in record.made_by] == ["chat", "listen", "read", "look", "speak"]


def test_each_picture_brings_one_entry_in_their_order_before_all_others() -> None:
    record = fold([ModelUsed(entry("prompt")), picture(1), picture(2)])
    assert [each.model for each in record.made_by] == ["painter 1", "painter 2", "m"]
    assert len(record.images) == 2


def test_the_times_of_a_stage_add_up_in_the_order_they_first_ended() -> None:
    events = [StageEnded("load", 1.0), StageEnded("speak", 0.2), StageEnded("chat", 2.0), StageEnded("speak", 0.3)]
    assert fold(events).metrics().seconds == (("load", 1.0), ("speak", 0.5), ("chat", 2.0))


def test_a_stage_that_is_broken_off_counts_as_far_as_it_came() -> None:
    record = fold([StageStarted("load", 10.0), StageEnded("load", 1.0), StageStarted("chat", 11.0), Delta("so far")])
    (ended,) = record.broken_off(14.5)
    assert ended == StageEnded("chat", 3.5)
    assert record.add(ended).metrics().seconds == (("load", 1.0), ("chat", 3.5))
    assert record.add(ended).broken_off(20.0) == ()


def test_the_metrics_are_those_of_the_usage() -> None:
    metrics = fold([FirstToken(0.12345), Delta("a"), Complete(USAGE)]).metrics()
    assert (metrics.first_token_seconds, metrics.tokens, metrics.tokens_per_second) == (0.123, 5, 20.0)
    assert (metrics.prompt_tokens, metrics.reused_tokens) == (9, 4)


def test_what_is_only_shown_leaves_the_record_as_it_is() -> None:
    shown: tuple[Event, ...] = (
        Tick(),
        Progress("load"),
        Notice(both("a", "b")),
        Understood(Message("user", ())),
        Done(Message("assistant", ())),
    )
    assert fold(shown) == TurnRecord()


def generated(seed: int) -> list[Event]:
    """Events in any order, as no turn would emit them."""
    dice = random.Random(seed)
    sound = Audio(bytes(4 * dice.randrange(1, 9)), 16_000)
    choices: list[Event] = [
        Delta("a"), Delta("字"), Sound(sound, "a"), picture(dice.randrange(9)), ModelUsed(entry("chat")),
        ModelUsed(entry("listen")), StageStarted("chat", 1.0), StageEnded("chat", 0.5), StageEnded("speak", 0.25),
        FirstToken(0.5), Complete(USAGE), Complete(), Notice(both("a", "b")), Progress("chat"),
    ]  # fmt: skip
    return dice.choices(choices, k=30)


@pytest.mark.parametrize("seed", range(20))
def test_the_message_holds_everything_that_was_emitted_and_nothing_else(seed: int) -> None:
    events = generated(seed)
    for end in range(len(events) + 1):
        record, emitted = fold(events[:end]), events[:end]
        message = record.message(cut=True)
        assert message.text == "".join(event.text for event in emitted if isinstance(event, Delta))
        assert list(message.images) == [event.image for event in emitted if isinstance(event, Picture)]
        pcm = b"".join(event.audio.pcm for event in emitted if isinstance(event, Sound))
        assert b"".join(part.pcm for part in message.parts if isinstance(part, Audio)) == pcm
        made = [event.made_by for event in emitted if isinstance(event, ModelUsed | Picture)]
        assert sorted(message.made_by, key=repr) == sorted(made, key=repr)
        assert record.complete == any(isinstance(event, Complete) for event in emitted)


# the store


class ReplayedRuns:
    """Runs of an app whose turns are answered by its engines, or by ``script``; either way broken off where told.

    ``stop_at`` is the number of the event at which the person stops the turn, ``fail_at`` that before which it fails;
    Progress, of which there is more on a slow machine, is not counted.
    """

    def __init__(self, app: App) -> None:
        self.app, self.runs = app, Runs(app.services, self._respond)
        self.script: tuple[Event, ...] = ()
        self.stop_at = self.fail_at = -1

    def ran(self, turn: Turn) -> Run:
        run = self.runs.start(self.app.store.create(), turn, SHORT)
        while not run.finished:
            run.wait(1 << 60, 1.0)
        return run

    def emitted(self, run: Run) -> tuple[Event, ...]:
        return tuple(event for event in run.after(0)[0] if not isinstance(event, Progress))

    def stored(self, run: Run) -> Message:
        node = self.app.store.node(run.answer)
        assert node
        return node.message

    def _respond(self, context: TurnContext) -> Generator[Event, None, None]:
        number = 0
        with contextlib.closing(self._events(context)) as events:
            for event in events:
                if not isinstance(event, Tick | Progress):
                    if number == self.fail_at:
                        raise EngineFailed(both("It broke.", "出错了。"))
                    if number == self.stop_at:
                        running = self.runs.of(context.conversation)
                        assert running
                        running.stop()
                    number += 1
                yield event

    def _events(self, context: TurnContext) -> Generator[Event, None, None]:
        if self.script:
            yield from self.script
        else:
            yield from respond(context)


@pytest.fixture
def replayed(home: Path) -> Iterator[ReplayedRuns]:
    with_tiny_painter(home)
    (home.parent / "chat").mkdir()
    own(home, write_tiny_gguf(home.parent / "chat" / "tiny.gguf"), "tiny")
    own(home, write_tiny_vits(home.parent / "voice"), "tiny-voice")
    app = App(load())
    models = {"chat": "tiny", "speak": "tiny-voice", "paint": "tiny-painter", "see": "starter-eyes"}
    small = {"image.enhance": False, "image.size": (64, 64), "image.steps": 2, "threads": 1}
    app.settings = app.settings.changed(models | small)
    yield ReplayedRuns(app)
    app.close()


def drawing_of_nothing() -> Image:
    out = io.BytesIO()
    PIL.Image.new("RGB", (64, 64), (40, 90, 200)).save(out, "PNG")
    return Image(out.getvalue(), "image/png")


TURNS = {
    "typed": Turn((Text("hello"),)),
    "spoken": Turn((Text("hello there"),), speak=True),
    "drawn": Turn((Text("a cat"),), draw=True, image_request=ImageRequest(count=2)),
    "looked at": Turn((drawing_of_nothing(), Text("Write a poem about it."))),
    "failed": Turn((Image(b"\x89PNG", "image/png"),)),
}
STAGES = {
    "typed": {"load", "chat"},
    "spoken": {"load", "chat", "speak"},
    "drawn": {"load", "paint"},
    "looked at": {"load", "read", "look", "chat"},
    "failed": {"load", "read"},
}


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("kind", TURNS)
def test_stopped_or_failed_anywhere_the_stored_answer_is_the_fold_of_what_was_emitted(
    replayed: ReplayedRuns, kind: str
) -> None:
    whole = replayed.ran(TURNS[kind])
    events = replayed.emitted(whole)
    assert {event.stage for event in events if isinstance(event, StageEnded)} == STAGES[kind]
    assert replayed.stored(whole) == fold(events).message(cut=kind == "failed")
    assert (whole.trouble is None, isinstance(events[-1], Done)) == (kind != "failed", kind != "failed")
    if kind != "failed":
        assert events[-1] == Done(fold(events).message(cut=False))
    replayed.script = events
    for number in range(len(events)):
        for replayed.stop_at, replayed.fail_at in ((number, -1), (-1, number)):
            run = replayed.ran(TURNS[kind])
            emitted = replayed.emitted(run)
            kept = number + 1 if replayed.stop_at == number else number
            assert emitted[:kept] == events[:kept]
            assert all(isinstance(event, StageEnded) for event in emitted[kept:])
            record = fold(emitted)
            assert record.running == ()
            assert replayed.stored(run) == record.message(cut=not record.complete)


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["typed", "spoken"])
def test_stopped_at_any_event_of_its_engines_a_turn_stores_the_fold_and_gives_its_models_back(
    replayed: ReplayedRuns, kind: str
) -> None:
    count = len(replayed.emitted(replayed.ran(TURNS[kind])))
    for replayed.stop_at in range(count):
        run = replayed.ran(TURNS[kind])
        record = fold(replayed.emitted(run))
        assert replayed.stored(run) == record.message(cut=not record.complete)
    for model in ("tiny", "tiny-voice"):
        unload(replayed.app.pool, model)


def unload(pool: Pool, model: str) -> None:
    """Unload a model that nobody holds any more; an engine may still be ending a call that was stopped."""
    give_up = time.monotonic() + 10
    while any(each.spec.id == model for each in pool.held()) and not pool.unload(model):
        assert time.monotonic() < give_up
        time.sleep(0.01)
