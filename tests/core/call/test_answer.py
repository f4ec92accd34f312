"""One answer of a call: the fold of what it gave, cut where it was heard to."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence

import pytest

from core.call.answer import Answer
from core.errors import EngineFailed, ParlorError
from core.l10n.text import both
from core.pipeline.turn_record import TurnRecord, fold
from core.turn_taking.user_turn import UserTurn
from core.types.events import Complete, Delta, Event, FirstToken, ModelUsed, Sound, StageEnded, StageStarted, Tick
from core.types.generation import Usage
from core.types.messages import Transcript
from core.types.provenance import Provenance
from tests.sound.noise import noise_at

CHAT, VOICE = Provenance("chat", "smollm2", "1", "0" * 64), Provenance("speak", "kokoro", "1", "1" * 64)


def spoken_answer(seed: int) -> list[Event]:
    """What a turn might emit: words, their sounds later, ticks between."""
    choose = random.Random(seed)
    events: list[Event] = [StageStarted("chat", 0.0), ModelUsed(CHAT), FirstToken(0.25), ModelUsed(VOICE)]
    for number in range(choose.randint(1, 6)):
        text = f"Clause number {number}. "
        events += [Delta(text), *[Tick()] * choose.randint(0, 2)]
        events += [Sound(noise_at(choose.uniform(0.2, 1.0), seed=number), text.strip()), StageEnded("speak", 0.1)]
    return [*events, StageEnded("chat", 0.9), Complete(Usage(9, 0, 12, 0.1, 0.4, "stop"))]


class Received:
    """What was posted of an answer, done at once on the thread that posts."""

    def __init__(self, answer: Answer, events: Sequence[Event], error: ParlorError | None = None) -> None:
        self.events: list[Event] = []
        self.records: list[TurnRecord] = []
        self.ended = 0
        answer.begin(emit(events, error), lambda work: work(), self.take, self.end)
        assert answer._work.join(10)

    def take(self, answer: Answer, event: Event) -> None:
        self.events.append(event)
        self.records.append(answer.record)
        if isinstance(event, Sound):
            answer.playback.add(event.text, event.audio)

    def end(self, answer: Answer) -> None:
        self.ended += 1


def emit(events: Sequence[Event], error: ParlorError | None) -> Generator[Event, None, None]:
    yield from events
    if error:
        raise error


@pytest.mark.parametrize("seed", range(20))
def test_at_every_moment_it_is_the_fold_of_what_it_gave(seed: int) -> None:
    events = spoken_answer(seed)
    received = Received(Answer(UserTurn(1)), events)
    assert received.events == [event for event in events if not isinstance(event, Tick)]
    for end, record in enumerate(received.records, 1):
        assert record == fold(received.events[:end])


@pytest.mark.parametrize("seed", range(20))
def test_stopped_anywhere_it_keeps_who_made_it_and_the_words_that_were_heard(seed: int) -> None:
    events = spoken_answer(seed)
    end = random.Random(seed).randint(1, len(events))
    answer = Answer(UserTurn(1))
    Received(answer, events[:end])
    whole = answer.playback.played.seconds
    heard = answer.playback.heard = whole * 0.6
    message = answer.message(cut=True)
    assert message.cut
    assert message.made_by == fold(events[:end]).made_by
    if whole:
        sound, words = message.parts
        assert sound == answer.playback.played.until(heard)[1]
        assert isinstance(words, Transcript)
        assert fold(events[:end]).text.startswith(words.text)
        assert all((word.start + word.end) / 2 <= heard for word in words.words)


def test_one_without_a_voice_is_kept_as_its_words() -> None:
    answer = Answer(UserTurn(1))
    Received(answer, [Delta("It is "), Delta("three."), Complete()])
    assert answer.message(cut=False).text == "It is three."


def test_what_was_under_way_when_it_failed_counts_as_far_as_it_came() -> None:
    answer = Answer(UserTurn(1))
    received = Received(answer, [StageStarted("chat", 0.0), Delta("It")], EngineFailed(both("Gone.", "没有了。")))
    assert answer.over
    assert answer.error
    assert str(answer.error) == "Gone."
    assert received.ended == 1
    assert [stage for stage, _ in answer.record.seconds] == ["chat"]


@pytest.mark.filterwarnings("ignore")
def test_what_nobody_foresaw_ends_it_with_a_reason() -> None:
    def broken() -> Generator[Event, None, None]:
        yield Delta("It")
        raise ZeroDivisionError

    answer, over = Answer(UserTurn(1)), list[Answer]()
    answer.begin(broken(), lambda work: work(), lambda *_: None, over.append)
    assert answer._work.join(10)
    assert over == [answer]
    assert answer.error
    assert "parlor.log" in str(answer.error)


@pytest.mark.parametrize("stop", [Answer.stop, lambda answer: (answer.stop(), answer.stop())])
def test_one_that_is_stopped_before_it_begins_gives_nothing(stop: Callable[[Answer], object]) -> None:
    answer = Answer(UserTurn(1))
    stop(answer)
    received = Received(answer, spoken_answer(0))
    assert received.events == []
    assert received.ended == 1


def test_a_filler_comes_before_what_is_there_and_is_no_answer_yet() -> None:
    playback = Answer(UserTurn(1)).playback
    playback.add("It is three.", noise_at(2.0))
    playback.begin_with("Well...", noise_at(0.5))
    assert [clause.text for clause in playback.send(1)] == ["Well..."]
    playback.heard = 0.5
    assert playback.only_filler
    assert [(clause.index, clause.text) for clause in playback.send()] == [(1, "It is three.")]
    playback.heard = 0.6
    assert not playback.only_filler
    assert not playback.finished
    playback.heard = 2.5
    assert playback.finished
