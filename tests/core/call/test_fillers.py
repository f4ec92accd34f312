"""Fillers: said in the voice that answers, whatever chose it, and only in that."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.app.services import Services
from core.call.fillers import WORDS, Fillers, without_filler
from core.call.host import turn_context
from core.call.transport import CallOptions
from core.call.warm_up import exercise
from core.catalogue.load import load as load_catalogue
from core.errors import BadInput, ParlorError
from core.media.voice_references import save
from core.pipeline.speech import SpeechStream
from core.pipeline.turn_context import TurnContext
from core.runtime.pool import Pool
from core.settings import Settings
from core.store.store import Store
from core.types.events import Sound
from core.types.messages import Audio, Message, Text, Transcript, concatenate
from tests.sound.sounds import white_noise
from tests.support.own_models import own
from tests.support.served import link_models
from tests.tiny.tiny_vits import write_tiny_yourtts

pytestmark = pytest.mark.models
Context = Callable[..., TurnContext]


def contexts(settings: Settings) -> Iterator[Context]:
    """Contexts of a call's turn, with these settings of speech changed and these options of the call."""
    store, pool = Store(settings.database, settings.media), Pool(settings)
    catalogue = load_catalogue(settings.home / "catalogue.toml")

    def make(options: CallOptions | None = None, **speech: Any) -> TurnContext:
        changed = replace(settings, speech=replace(settings.speech, **speech))
        services = Services(changed, catalogue, store, pool)
        return turn_context(services, (Text("Hello."),), (), options or CallOptions(), "c")

    yield make
    pool.close()
    store.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A tiny voice with two speakers that can clone, and a recording that may be spoken with."""
    home = tmp_path_factory.mktemp("tiny") / "home"
    settings = Settings(home=home, speak="tiny-voice", threads=1)
    (home / "models").mkdir(parents=True)
    own(home, write_tiny_yourtts(home.parent / "yourtts"), "tiny-voice")
    save(home, "Grandma", Audio(white_noise(4, -20).pcm, 16_000), "Yes, you may.")
    yield from contexts(settings)


@pytest.fixture(scope="module")
def kokoro(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Context]:
    home = link_models(models_home, tmp_path_factory.mktemp("kokoro") / "home")
    yield from contexts(Settings(home=home, speak="kokoro"))


def failed(error: ParlorError) -> None:
    raise error


def fillers_of(context: TurnContext) -> Fillers:
    fillers = Fillers(failed)
    fillers.prepare(context)
    return fillers


def first(fillers: Fillers, language: str = "en") -> Audio:
    filler = fillers.next(language)
    assert filler
    text, sound = filler
    assert text in WORDS[language]
    return sound


def answered(context: TurnContext, text: str) -> Audio:
    """``text`` as an answer says it."""
    assert context.choice.speak
    speech = SpeechStream(context.choice.speak, context.pool, context.settings, live=True)
    speech.write(text)
    return concatenate([event.audio for event in speech.finish() if isinstance(event, Sound)])


@pytest.mark.parametrize(
    "chosen",
    [{"speaker": "李明"}, {"reference": "Grandma"}, {"speed": 1.5}],
    ids=["a speaker of the model", "a recording", "a speed"],
)
def test_they_sound_as_the_answer_does(tiny: Context, chosen: dict[str, Any]) -> None:
    fillers, usual = fillers_of(tiny(**chosen)), fillers_of(tiny(speaker="Ada"))
    sound = first(fillers)
    assert sound == answered(tiny(**chosen), WORDS["en"][0])
    assert sound != first(usual)


def test_the_voices_of_the_call_come_before_those_of_the_settings(kokoro: Context) -> None:
    call = CallOptions(voice_en="am_michael", voice_zh="zm_yunjian")
    fillers, usual = fillers_of(kokoro(call)), fillers_of(kokoro())
    sounds = first(fillers), first(fillers, "zh")
    assert sounds[0] == answered(kokoro(call), WORDS["en"][0])
    assert sounds[0] != first(usual)
    assert sounds[1] != first(usual, "zh")


def test_when_another_voice_is_chosen_in_mid_call_they_fall_silent_until_they_are_in_it(tiny: Context) -> None:
    fillers = fillers_of(tiny(speaker="Ada"))
    before = first(fillers)
    fillers.follow(tiny(speaker="Ada"))
    assert fillers.next("en")
    fillers.follow(tiny(speaker="李明"))
    until = time.monotonic() + 60
    while not fillers.next("zh"):
        assert time.monotonic() < until
        time.sleep(0.02)
    sounds = [sound for _, sound in filter(None, (fillers.next("en") for _ in WORDS["en"]))]
    assert answered(tiny(speaker="李明"), WORDS["en"][0]) in sounds
    assert before not in sounds


def test_there_are_none_where_they_are_not_wanted_or_the_recording_is_gone(tiny: Context) -> None:
    context = tiny()
    unwanted = replace(context.settings, call=replace(context.settings.call, fillers=False))
    assert fillers_of(replace(context, settings=unwanted)).next("en") is None
    assert fillers_of(tiny(reference="Nobody")).next("en") is None


def test_a_warm_up_speaks_in_the_chosen_voice(tiny: Context) -> None:
    context = tiny(reference="Nobody")
    assert context.choice.speak
    with pytest.raises(BadInput, match="Nobody"):
        exercise(context, context.choice.speak)


def test_an_answer_is_read_again_without_its_filler() -> None:
    answer = Message("assistant", (Transcript("Well... It is three.", "en"),))
    assert without_filler(answer).text == "It is three."
    assert without_filler(Message("assistant", (Transcript("Well...", "en"),))).text == "Well..."
