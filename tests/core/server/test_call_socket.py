"""The socket of a call, spoken to as a page does: begun, heard, answered, interrupted, left, taken up, followed."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from core.types.messages import Audio, Image, Transcript
from tests.sound.talk import spoken
from tests.support.caller import Caller, Event, end
from tests.support.served import QUICK, Served, Serving

pytestmark = [pytest.mark.models, pytest.mark.slow]

JAPAN, FRANCE = "What is the capital of Japan?", "What is the capital of France?"
STORY = "Tell me a long story about a lighthouse keeper."


@pytest.fixture(scope="module")
def app(serving: Serving) -> Served:
    """An app with the small chat model, whose answers are short."""
    return serving(**QUICK | {"PARLOR_MAX_TOKENS": "24", "PARLOR_OPENERS": "0"})


@pytest.fixture
def call(app: Served) -> Iterator[Caller]:
    with begin(app) as caller:
        yield caller


@pytest.fixture(scope="module")
def question(models_home: Path) -> Audio:
    return spoken(models_home, JAPAN)[0]


@pytest.fixture(scope="module")
def another(models_home: Path) -> Audio:
    return spoken(models_home, FRANCE)[0]


@contextlib.contextmanager
def begin(app: Served, conversation: str = "", **options: object) -> Iterator[Caller]:
    """A call that listens, and is hung up afterwards."""
    with Caller(app, type="start", conversation=conversation, **options) as caller:
        try:
            caller.phase("listening")
            yield caller
        finally:
            for event in caller.events:
                if event.get("event") == "started":
                    end(app, event["call"])


def started(caller: Caller) -> Event:
    return next(event for event in caller.events if event.get("event") == "started")


def named(name: str, **facts: object) -> object:
    """Whether an event is called ``name`` and says ``facts``."""
    return lambda event: event.get("event") == name and facts.items() <= event.items()


def png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (320, 200), colour).save(file, "PNG")
    return file.getvalue()


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("origin", ["https://evil.example", None, "http://127.0.0.1:1"])
def test_a_page_of_another_site_is_refused(app: Served, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{app.port}/call", origin=origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("first", ["hello", "[]", '{"type": "resume"}', '{"type": "watch", "call": 7, "x": NaN'])
def test_what_is_no_request_closes_the_socket_and_nothing_else(app: Served, first: str) -> None:
    with connect(f"ws://127.0.0.1:{app.port}/call", origin=app.url) as socket:
        socket.send(first)
        with pytest.raises(ConnectionClosedError) as closed:
            list(socket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1003
    assert app.answers()


def test_a_call_that_nobody_knows_is_gone(app: Served) -> None:
    with Caller(app, type="resume", call="0" * 32) as caller:
        assert caller.ended() == 1000
        assert [event["event"] for event in caller.events] == ["gone"]


# ── a turn ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_spoken_turn_is_heard_answered_and_kept(app: Served, call: Caller, question: Audio) -> None:
    call.speak(question)
    heard = call.until(named("caption", who="you", final=True))
    assert "japan" in heard["text"].lower()
    first = call.until(lambda event: event.get("kind") == "sound")
    assert (first["turn"], first["index"]) == (heard["turn"], 0)
    timed = call.until(named("timed", turn=heard["turn"]))
    assert timed["stages"][-1]["name"] == "carry"
    assert timed["total"] == pytest.approx(max(stage["end"] for stage in timed["stages"]), abs=0.01)
    answer = call.until(named("caption", who="parlor", final=True))
    sounds = call.sounds(heard["turn"])
    assert [sound["index"] for sound in sounds] == list(range(len(sounds)))
    assert all(len(sound["data"]) % 2 == 0 and sound["data"] for sound in sounds)
    assert sounds[0]["text"] in answer["text"]
    call.phase("listening")
    call.send(type="hangup")
    call.phase("ended")
    assert call.ended() == 1000
    asked, told = app.store().path(started(call)["conversation"])
    assert [type(part) for part in asked.message.parts] == [Audio, Transcript]
    assert asked.message.text == heard["text"]
    assert told.message.text == answer["text"]
    assert told.state == "done"


def test_typed_words_interrupt_and_nothing_of_the_old_answer_comes_any_more(call: Caller, app: Served) -> None:
    call.send(type="say", text=STORY)
    call.phase("speaking")
    call.until(lambda event: event.get("kind") == "sound")
    call.send(type="say", text=JAPAN)
    call.until(named("hush"))
    cut = call.until(named("interrupted", turn=1))
    call.until(named("caption", who="parlor", turn=2, final=True))
    hushed = next(number for number, event in enumerate(call.events) if event.get("event") == "hush")
    assert not [event for event in call.events[hushed:] if event.get("kind") == "sound" and event["turn"] == 1]
    kept = app.store().path(started(call)["conversation"])[1].message
    assert kept.text == cut["heard"]
    assert kept.cut


def test_a_picture_waits_for_the_next_words_and_a_broken_one_is_told(call: Caller, app: Served) -> None:
    call.show(b"no picture at all")
    assert "picture" in call.until(named("told", trouble=True))["en"]
    call.show(png())
    call.until(named("shown", waiting=1))
    call.send(type="say", text="What do you see?")
    call.until(named("shown", waiting=0))
    call.until(named("caption", who="parlor", final=True))
    asked = app.store().path(started(call)["conversation"])[0].message
    assert [type(part) for part in asked.parts if isinstance(part, Image)] == [Image]


def test_muted_it_hears_nothing(call: Caller, question: Audio, another: Audio) -> None:
    call.send(type="mute", on=True)
    call.speak(question)
    call.silence(0.5)
    call.send(type="mute", on=False)
    call.speak(another)
    heard = call.until(named("caption", who="you", final=True))
    assert heard["turn"] == 1
    assert "France" in heard["text"]
    assert "Japan" not in heard["text"]


def test_with_a_key_to_talk_it_listens_while_the_key_is_down(
    app: Served, question: Audio, another: Audio, models_home: Path
) -> None:
    [aside] = spoken(models_home, STORY)
    with begin(app, push=True) as call:
        call.speak(aside)
        call.silence(0.5)
        call.send(type="push", down=True)
        call.speak(question)
        call.silence(1.5)
        call.speak(another)
        call.silence(0.1)
        call.send(type="push", down=False)
        heard = call.until(named("caption", who="you", final=True))
        assert heard["turn"] == 1
        assert re.search("Japan.*France", heard["text"]), "no silence ends the turn while the key is down"
        assert "lighthouse" not in heard["text"]


# ── left and taken up again ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_page_finds_its_call_again_with_all_that_was_said(app: Served) -> None:
    with begin(app) as before:
        before.send(type="say", text=JAPAN)
        before.until(named("caption", who="parlor", final=True))
        before.phase("listening")
        call = started(before)["call"]
        before.leave()
        with Caller(app, type="watch", call=call) as watching:
            watching.phase("held")
        with Caller(app, type="resume", call=call) as after:
            after.until(named("started", call=call, carries=True))
            said = [after.until(named("caption", who=who, final=True))["text"] for who in ("you", "parlor")]
            assert said == [caption(before, "you"), caption(before, "parlor")]
            assert not after.sounds(1), "what has been heard is not played again"
            after.until(named("phased", phase="held"))
            after.phase("listening")
            after.send(type="say", text=JAPAN)
            after.until(lambda event: event.get("kind") == "sound" and event["turn"] == 2)
            after.send(type="hangup")
            after.phase("ended")


def caption(caller: Caller, who: str) -> str:
    return [event for event in caller.events if event.get("event") == "caption" and event["who"] == who][-1]["text"]


def test_a_second_call_is_told_of_the_first_and_can_take_it_over(call: Caller, app: Served) -> None:
    with Caller(app, type="start", conversation="") as second:
        busy = second.until(named("busy"))
        assert second.ended() == 1000
    assert busy["call"] == started(call)["call"]
    with Caller(app, type="resume", call=busy["call"]) as second:
        second.phase("listening")
        call.until(named("taken"))
        assert call.ended() == 4001
        second.send(type="say", text=JAPAN)
        second.until(lambda event: event.get("kind") == "sound")
        second.send(type="hangup")
        second.phase("ended")


def test_whoever_watches_sees_everything_hears_nothing_and_can_steer(call: Caller, app: Served) -> None:
    with Caller(app, type="watch", call=started(call)["call"]) as watching:
        watching.until(named("started", carries=False))
        watching.send(type="say", text=JAPAN)
        call.until(named("caption", who="parlor", final=True))
        clause = watching.until(named("clause", index=0))
        assert clause["text"]
        assert clause["audio_seconds"] > 0
        assert watching.until(named("played", turn=1))["seconds"] >= 0
        watching.until(named("caption", who="parlor", final=True))
        assert not watching.sounds(1)
        watching.send(type="hangup")
        assert watching.ended() == 1000
        assert call.ended() == 1000


def test_a_conversation_goes_on_in_a_call(app: Served) -> None:
    with begin(app) as first:
        first.send(type="say", text=JAPAN)
        first.until(named("caption", who="parlor", final=True))
        first.send(type="hangup")
    conversation = started(first)["conversation"]
    with begin(app, conversation) as second:
        assert started(second)["conversation"] == conversation
        second.send(type="say", text="And of France?")
        second.until(named("caption", who="parlor", final=True))
    assert [node.message.text for node in app.store().path(conversation)][::2] == [JAPAN, "And of France?"]
