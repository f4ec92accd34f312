"""A live call from the microphone's sound to what is kept, with the real starter models and no browser.

The recordings are fed fast: the call waits for its engines only, and its clock is that of the sound.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.app.app import App
from core.call.events import CallEvent, CallNotice, Caption, Drawing, Interrupted, PhaseChanged, Timed
from core.call.file_transport import BEHIND, STEP, FileClock, hold, pieces
from core.call.session import Call
from core.call.transport import CallOptions
from core.errors import BadInput
from core.media.audio import wav
from core.settings import load
from core.types.messages import Audio, Image, Message, Reading, Transcript
from tests.support.own_models import TINY_PAINTER, with_tiny_painter
from tests.support.screens import invoice
from tests.support.sounds import clicks, music, silence, white_noise
from tests.support.talk import spoken, talk
from tests.support.web.served import link_models

ROOT = Path(__file__).parents[3]
FRANCE, JAPAN, STORY = "What is the capital of France?", "What is the capital of Japan?", "Tell me a long story."
# A small model, and the same answers every time: a sentence, or eight seconds where it is asked for a story.
CALM = {"PARLOR_OFFLINE": "1", "PARLOR_CHAT": "smollm2-135m-instruct", "PARLOR_TEMPERATURE": "0"}
CALM |= {"PARLOR_MAX_TOKENS": "24"}
CHINESE = "法国的首都是哪里？"
PATIENCE = 60.0  # seconds of silence that a script waits at most
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[App]:
    """One app for all, so that its models are loaded once."""
    home = link_models(models_home, tmp_path_factory.mktemp("call") / "home")
    app = App(load({"PARLOR_HOME": str(home)} | CALM))
    yield app
    app.close()


@pytest.fixture(autouse=True)
def over(app: App) -> Iterator[None]:
    """No call is left to the next test."""
    yield
    if call := app.calls.current():
        call.hang_up()
        assert call.wait(20.0)


@pytest.fixture(scope="session")
def say(models_home: Path) -> Callable[[str], Audio]:
    return lambda text: spoken(models_home, text)[0]


Step = Audio | float | Callable[["Held"], bool]


class Held:
    """A call, and what came of it. Its script: sound, seconds of silence, or silence until something is so.

    Time goes on while an engine is at work, as in life. With ``still`` it does not: nothing depends on the machine.
    """

    def __init__(
        self, app: App, options: CallOptions | None = None, conversation: str = "", still: bool = False
    ) -> None:
        self.app, self.still = app, still
        self.clock = FileClock(fast=True)
        self.call = app.calls.start(conversation, options or CallOptions(), self.clock)
        self.events: list[CallEvent] = []

    def over(self, *script: Step, echo: float = 0.0) -> Held:
        seen = 0
        for _ in hold(self.call, self.clock, self._microphone(script), echo):
            while self.still and (self.call.behind or self.call.working) and self.call.phase != "ended":
                time.sleep(BEHIND)
            events, seen = self.call.after(seen)
            self.events += events
        self.events += self.call.after(seen)[0]
        return self

    def _microphone(self, script: tuple[Step, ...]) -> Iterator[bytes]:
        for step in script:
            if callable(step):
                until = self.clock.fed + PATIENCE
                while not step(self) and self.clock.fed < until:
                    yield from pieces(silence(STEP))
            else:
                yield from pieces(silence(step) if isinstance(step, float) else step)

    def all(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def finals(self, who: str) -> list[str]:
        return [one.text for one in self.all(Caption) if one.who == who and one.final and one.text]

    @property
    def kept(self) -> list[Message]:
        return [node.message for node in self.app.store.path(self.call.conversation)]


def idle(held: Held) -> bool:
    return held.call.phase == "listening" and not held.call.busy


def answering(held: Held) -> bool:
    """Whether a second of an answer has been audible."""
    return held.call.phase == "speaking" and held.call.sounding[1] > 1.0


def do(work: Callable[[Held], Any]) -> Callable[[Held], bool]:
    """A step of a script that does something and waits for nothing."""

    def step(held: Held) -> bool:
        work(held)
        return True

    return step


# a conversation


def test_what_is_said_on_both_sides_is_heard_answered_and_kept(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(FRANCE), idle, say(JAPAN))
    first, second = held.finals("you")
    assert "capital of france" in first.lower()
    assert "japan" in second.lower()
    assert len(held.finals("parlor")) == 2
    assert [message.role for message in held.kept] == ["user", "assistant"] * 2
    for message in held.kept:
        sound, words = message.parts
        assert isinstance(sound, Audio)
        assert isinstance(words, Transcript)
        assert "".join(word.text for word in words.words).split() == words.text.split()
        times = [time for word in words.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[-1] <= sound.seconds + 0.05
    known = app.store.conversation(held.call.conversation)
    assert known
    assert "France" in known.title


def test_each_turn_tells_where_its_time_went(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(FRANCE))
    timed = held.all(Timed)[-1]
    names = [stage.name for stage in timed.stages]
    assert {"silence", "judge", "hear", "write", "speak"} <= set(names)
    assert all(0 <= stage.start <= stage.end <= (timed.words or timed.total) + 0.01 for stage in timed.stages)
    [_, answer] = held.kept
    assert answer.figures is not None
    assert dict(answer.figures.seconds)["call total"] == timed.total


def test_a_call_changes_its_language_in_mid_talk(app: App, say: Callable[[str], Audio]) -> None:
    app.settings = replace(app.settings, chat="qwen2.5-coder-1.5b-instruct")
    held = Held(app).over(0.5, say(CHINESE), idle, say(FRANCE))
    app.settings = replace(app.settings, chat="smollm2-135m-instruct")
    languages = [part.language for message in held.kept[::2] for part in message.parts if isinstance(part, Transcript)]
    assert languages == ["zh", "en"]
    assert "巴黎" in held.finals("parlor")[0]
    assert "Paris" in held.finals("parlor")[1]


def test_a_pause_in_mid_sentence_is_waited_for(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say("I would like to know, um,"), 0.9, say("what the capital of Japan is."))
    [whole] = held.finals("you")
    assert "Japan" in whole
    assert "like to know" in whole


def opened(held: Held) -> bool:
    """Whether the word that an answer begins with is heard."""
    return bool(held.all(Timed))


def test_whoever_goes_on_after_the_word_that_an_answer_begins_with_is_answered_once(
    app: App, say: Callable[[str], Audio]
) -> None:
    picture = invoice("en").image.data
    show = do(lambda held: held.call.show(picture, "invoice.png"))
    held = Held(app).over(show, 8.0, say(FRANCE), opened, say(JAPAN))
    assert len({one.turn for one in held.all(Caption)}) == 1
    question, answer = held.kept
    assert "France" in question.text
    assert "Japan" in question.text
    assert len(list(question.images)) == 1
    assert not answer.cut
    assert not held.all(Interrupted)
    assert all(timed.total > 0 for timed in held.all(Timed))


def test_whoever_speaks_before_written_words_are_answered_is_answered_instead(
    app: App, say: Callable[[str], Audio]
) -> None:
    held = Held(app).over(0.5, do(lambda held: held.call.say("Tell me a joke.")), say(FRANCE))
    joke, *_, france, answer = held.kept
    assert joke.text == "Tell me a joke."
    assert "France" in france.text
    assert (answer.role, answer.cut) == ("assistant", False)


# interruptions


def test_words_over_an_answer_end_it_and_the_history_keeps_what_was_heard(
    app: App, say: Callable[[str], Audio]
) -> None:
    held = Held(app).over(0.5, say(STORY), answering, say("Wait, what is the capital of Japan?"))
    [interrupted] = held.all(Interrupted)
    answer = held.kept[1]
    assert answer.cut
    assert answer.text == interrupted.heard != ""
    assert "Japan" in held.finals("you")[1]
    assert len(held.kept) == 4


def test_agreement_beside_an_answer_leaves_it_alone(app: App, say: Callable[[str], Audio]) -> None:
    few = app.settings
    app.settings = replace(
        few, sampling=replace(few.sampling, max_tokens=60)
    )  # beside the end of an answer, agreement is an answer to it
    try:
        held = Held(app, still=True).over(0.5, say(STORY), answering, say("Yeah."), 1.0, say("Okay."))
    finally:
        app.settings = few
    assert not held.all(Interrupted)
    assert len(held.kept) == 2
    assert not held.kept[1].cut


def test_typing_and_music_leave_an_answer_alone(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), answering, clicks(2.0), 0.5, music(4.0))
    assert not held.all(Interrupted)
    assert len(held.kept) == 2


def test_its_own_voice_in_the_microphone_does_not_interrupt_it(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), echo=0.5)
    assert not held.all(Interrupted)
    assert len(held.kept) == 2


def test_stop_is_obeyed_and_not_answered(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app).over(0.5, say(STORY), answering, say("Stop talking."))
    assert held.all(Interrupted)
    assert len(held.kept) == 3


@pytest.mark.parametrize("sound", [silence(8.0), white_noise(8.0), music(8.0)], ids=["silence", "noise", "music"])
def test_what_is_no_speech_is_not_answered(app: App, sound: Audio) -> None:
    held = Held(app).over(sound)
    assert not held.finals("you")
    assert not held.kept


# what else a person does in a call


def test_typed_words_are_a_turn(app: App) -> None:
    held = Held(app).over(do(lambda held: held.call.say(FRANCE)))
    assert held.finals("you") == [FRANCE]
    assert held.finals("parlor")
    assert len(held.kept) == 2


def test_a_shown_picture_belongs_to_the_next_turn(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app)
    held.call.show(invoice("en").image.data, "invoice.png")
    held.over(8.0, say("What is the total?"))
    kinds = [type(part) for part in held.kept[0].parts]
    assert kinds == [Image, Reading, Audio, Transcript]


def test_what_is_no_picture_is_refused(app: App) -> None:
    held = Held(app)
    with pytest.raises(BadInput):
        held.call.show(b"no picture", "x.png")
    held.over(0.5)


def test_without_a_painter_it_says_so_and_the_call_goes_on(app: App, say: Callable[[str], Audio]) -> None:
    before = app.settings
    app.settings = replace(before, paint="sd-turbo")
    held = Held(app).over(0.5, say("Please draw a red fox."), idle, say(FRANCE))
    app.settings = before
    assert "cannot draw" in held.finals("parlor")[0]
    assert any(told.trouble for told in held.all(CallNotice))
    assert "France" in held.finals("you")[1]
    assert len(held.finals("parlor")) == 2


def test_a_picture_is_drawn_while_the_talk_goes_on(app: App, say: Callable[[str], Audio]) -> None:
    with_tiny_painter(app.settings.home)
    app.reload()
    before = app.settings
    app.settings = replace(
        before, paint=TINY_PAINTER.id, image=replace(before.image, steps=3, size=(64, 64), enhance=False)
    )
    held = Held(app).over(0.5, say("Please draw a red fox."), answering, idle, say(FRANCE))
    app.settings = before
    assert [event for event in held.all(Drawing) if event.image]
    assert any(list(message.images) for message in held.kept if message.role == "assistant")
    assert len(held.finals("you")) == 2


def test_with_a_key_only_what_is_said_while_it_is_down_is_heard(app: App, say: Callable[[str], Audio]) -> None:
    held = Held(app, CallOptions(push=True))
    held.over(
        *(0.5, say(JAPAN), 1.5),
        *(do(lambda held: held.call.push(True)), 4.0, say(FRANCE), 2.0, do(lambda held: held.call.push(False))),
        *(0.5, idle, say(JAPAN), 0.5),
    )
    [question] = held.finals("you")
    assert "France" in question
    sound = held.kept[0].parts[0]
    assert isinstance(sound, Audio)
    assert sound.seconds < say(FRANCE).seconds + 3.0, "what was waited for the first word is no part of it"


# what goes wrong


def test_words_said_before_hanging_up_are_kept_and_the_next_call_can_begin_at_once(
    app: App, say: Callable[[str], Audio]
) -> None:
    later: list[Call] = []

    def again(held: Held) -> None:
        held.call.hang_up()
        later.append(app.calls.start("", CallOptions()))

    whole = say("Please tell me what the capital of Japan looks like in the evening.")
    held = Held(app).over(0.5, Audio(whole.pcm[: -2 * 16_000], 16_000), do(again), 2.0)
    [question] = held.kept
    assert "capital" in question.text
    assert [app.calls.current()] == later


def test_a_lost_line_holds_the_call_and_keeps_what_was_said(app: App, say: Callable[[str], Audio]) -> None:
    def lose(held: Held) -> None:
        transport = held.call.transport
        assert transport
        held.call.disconnect(transport)
        held.call.connect(transport)

    held = Held(app).over(0.5, say(STORY), answering, do(lose), idle, say(FRANCE))
    assert "held" in [phased.phase for phased in held.all(PhaseChanged)]
    assert held.kept[1].cut
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_an_engine_that_dies_in_mid_answer_is_told_of_and_nothing_said_is_lost(
    app: App, say: Callable[[str], Audio]
) -> None:
    def kill(held: Held) -> None:
        for child in psutil.Process().children(recursive=True):
            child.kill()

    held = Held(app).over(0.5, say(STORY), answering, do(kill), 1.0, idle, say(FRANCE))
    assert held.kept[0].text
    assert held.kept[1].text
    assert "France" in held.finals("you")[-1]
    assert len(held.kept) == 4


def test_a_second_call_is_refused_while_one_goes_on(app: App) -> None:
    held = Held(app)
    with pytest.raises(BadInput):
        app.calls.start("", CallOptions())
    held.over(0.5)
    assert app.calls.current() is None


def test_nothing_is_left_of_a_call(app: App, say: Callable[[str], Audio]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    Held(app).over(0.5, say(FRANCE))
    until = time.monotonic() + 10
    while {thread.name for thread in threading.enumerate() if thread.name.startswith("call")} - before:
        assert time.monotonic() < until, [thread.name for thread in threading.enumerate()]
        time.sleep(0.05)
    assert not list((app.settings.home / "calls").glob("*"))


# the command


def command(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "core.cli", "call", *map(str, arguments), "--chat", "smollm2-135m-instruct"]
    return subprocess.run(words, cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False)


def environment(home: Path) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PARLOR_HOME": str(home), "PARLOR_OPENERS": "0"}
    return os.environ | own | CALM


def test_the_command_feeds_a_recording_and_writes_the_reply(
    home: Path, tmp_path: Path, say: Callable[[str], Audio]
) -> None:
    file, reply = tmp_path / "talk.wav", tmp_path / "reply.wav"
    file.write_bytes(wav(talk(0.5, say(FRANCE), 1.0)))
    done = command(home, "--audio", file, "--out", reply, "--json", "--fast")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[-1]["event"] == "call"
    assert told[-1]["answers"] == 1
    assert any(event["event"] == "timed" and event["total"] > 0 for event in told)
    assert reply.stat().st_size > 100_000


def test_the_command_refuses_what_is_no_recording(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(b"RIFF and nothing more")
    done = command(home, "--audio", file)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_app_that_is_killed_in_mid_sentence_finds_the_recording_again(
    home: Path, tmp_path: Path, say: Callable[[str], Audio]
) -> None:
    long = "I would like to tell you everything about the lighthouse where my grandfather worked for thirty years"
    file = tmp_path / "talk.wav"
    file.write_bytes(wav(talk(0.5, say(long))))
    words = [sys.executable, "-m", "core.cli", "call", "--audio", str(file)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=ROOT, env=environment(home), stdout=quiet, stderr=quiet)
    while sum(file.stat().st_size for file in (home / "calls").glob("*.pcm")) < 32_000:  # a second of it
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    app = App(load({"PARLOR_HOME": str(home)}))
    assert app.calls.recovered == 1
    [conversation] = app.store.conversations()
    [node] = app.store.path(conversation.id)
    [sound] = node.message.parts
    assert isinstance(sound, Audio)
    assert sound.seconds > 0.5
    app.close()
