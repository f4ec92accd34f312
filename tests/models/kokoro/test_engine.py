"""The real voice: what it says is understood, in both languages; it sounds clean; it fails with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.catalogue.kokoro_voices import VOICES
from core.catalogue.load import load
from core.errors import BadInput, EngineFailed
from core.runtime.protocols import TTS, Transcriber
from core.text.normalise import LanguageRun, spoken
from models.kokoro import engine as kokoro
from models.whisper import engine as whisper
from tests.models.kokoro.helpers import samples, sound
from tests.sound.fresh_voice import imported_by_speaking
from tests.sound.scoring import characters, edits, words

ENGLISH = [
    "Sure, I can help you with that.",
    "First, open the **settings** page and choose a voice that you like.",
    "The train leaves at half past nine and arrives before lunch.",
    "Water boils at 100 °C at sea level.",
    "The capital of Australia is Canberra, not Sydney.",
    "The total comes to $23.50, including tax.",
    "About 40% of the people agreed with the plan.",
    "Please restart the computer after the update has finished.",
]
CHINESE = [
    "当然可以，我来帮你看看这个问题。",
    "今天天气很好，我们一起去公园散步吧。",
    "你应该多喝水，并且保证**充足的睡眠**。",
    "谢谢你的提问，答案取决于你有多少内存。",
    "我奶奶以前每个星期天早上都会烤面包。",
    "这封信是 2019 年写的。",
    "大约 40% 的人同意这个计划。",
    "更新完成以后，请重新启动电脑。",
]


@pytest.fixture(scope="module")
def ear(models_home: Path) -> Iterator[Transcriber]:
    engine = whisper.load(load().find("whisper-base"), models_home / "whisper-base")
    yield engine
    engine.close()


def aloud(text: str, language: str) -> str:
    return " ".join(run.text for run in spoken(text, language))


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize(("language", "sentences"), [("en", ENGLISH), ("zh", CHINESE)])
def test_what_is_said_is_heard_with_at_most_five_percent_wrong(
    speaker: TTS, ear: Transcriber, language: str, sentences: list[str]
) -> None:
    units, wrong, total = (words if language == "en" else characters), 0, 0
    for sentence in sentences:
        heard = "".join(segment.text for segment in ear.transcribe(sound(speaker.speak(sentence)), language))
        reference = units(aloud(sentence, language))
        wrong += edits(reference, units(aloud(heard, language)))
        total += len(reference)
    assert wrong / total <= 0.05


@pytest.mark.models
def test_a_mixed_sentence_is_said_in_a_voice_for_each_language(speaker: TTS, ear: Transcriber) -> None:
    first, english, last = speaker.speak("我每天都用 Python and JavaScript 写程序。", ("zm_yunxi", "af_heart"))
    heard = "".join(segment.text for segment in ear.transcribe(english, "en")).lower()
    assert "python" in heard
    assert first.seconds > 0.4
    assert last.seconds > 0.4


@pytest.mark.models
def test_the_sound_is_clean_at_both_ends_and_never_clips(speaker: TTS) -> None:
    for text in ("Hello there, how are you?", "你好，今天过得怎么样？", "Yes."):
        (said,) = speaker.speak(text)
        wave = samples(said)
        assert said.rate == 24_000
        assert abs(wave[0]) < 0.002
        assert np.abs(wave).max() <= 0.98
        assert not wave[-round(0.2 * said.rate) :].any()
        assert np.abs(wave[: round(0.15 * said.rate)]).max() > 0.01


@pytest.mark.models
def test_faster_is_shorter(speaker: TTS) -> None:
    text = "The museum is closed on Mondays."
    slow, fast = (sound(speaker.speak(text, speed=speed)).seconds for speed in (0.7, 1.5))
    assert slow > 1.4 * fast


@pytest.mark.models
@pytest.mark.parametrize("nothing", ["", "  \n", "😀", "---", "...", "。"])
def test_nothing_to_say_makes_no_sound(speaker: TTS, nothing: str) -> None:
    assert list(speaker.speak(nothing)) == []


@pytest.mark.models
@pytest.mark.parametrize("speed", [0.0, 0.2, 3.0])
def test_a_speed_nobody_can_follow_is_refused(speaker: TTS, speed: float) -> None:
    with pytest.raises(BadInput, match=r"0\.5 to 2"):
        list(speaker.speak("Hello.", speed=speed))


@pytest.mark.models
def test_an_unknown_voice_is_named_with_those_that_look_alike(speaker: TTS) -> None:
    with pytest.raises(BadInput, match="af_heart") as raised:
        list(speaker.speak("Hello.", ("af_hart",)))
    assert "af_heart" in raised.value.said("zh")


@pytest.mark.models
def test_speech_can_be_stopped_and_the_voice_used_again(speaker: TTS) -> None:
    stopped = speaker.speak("First. 然后。 Last.")
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert list(speaker.speak("Yes."))


@pytest.mark.models
def test_every_voice_of_the_table_is_installed(models_home: Path) -> None:
    assert {path.stem for path in (models_home / "kokoro" / "voices").glob("*.bin")} == {voice.id for voice in VOICES}


def test_a_broken_file_is_told_and_not_a_traceback(tmp_path: Path) -> None:
    spec = replace(load().find("kokoro"), id="broken")
    with pytest.raises(EngineFailed, match="install it again"):
        kokoro.load(spec, tmp_path)
    (tmp_path / "kokoro.onnx").write_bytes(b"not a network")
    with pytest.raises(EngineFailed, match="install it again"):
        kokoro.load(spec, tmp_path)


@pytest.mark.parametrize(
    "run",
    [
        LanguageRun("zh", "今天天气很好，" * 120),
        LanguageRun("en", "a quick brown fox jumps, " * 80),
        LanguageRun("en", "a" * 2000),
    ],
)
def test_long_text_is_cut_to_what_the_model_takes(run: LanguageRun) -> None:
    pieces = kokoro.pieces(run)
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= kokoro.PIECE


def test_a_long_text_is_begun_before_all_of_it_is_read() -> None:
    text = "This is a sentence, and it goes on. " * 10_000
    assert next(kokoro.runs(text)).text == "This is a sentence,"


@pytest.mark.parametrize("text", ["㐅", "好㐅吗", "嗯", "哼", "呣", "欸，哦！"])
def test_rare_characters_do_no_harm(text: str) -> None:
    assert all(kokoro.pieces(LanguageRun("zh", text)))


def test_words_of_other_languages_leave_no_marks_in_english() -> None:
    assert not any(
        "(" in piece for piece in kokoro.pieces(LanguageRun("en", "The Champs-Élysées, a château and naïve café."))
    )


@pytest.mark.models
def test_a_short_sound_is_kept_for_the_next_time_and_long_ones_are_not(models_home: Path) -> None:
    engine = kokoro.load(load().find("kokoro"), models_home / "kokoro")
    first, again, other = (next(engine.speak("Sure,", voices)) for voices in ((), (), ("bf_emma",)))
    assert again is first
    assert other.pcm != first.pcm
    text = "This is a sentence that is too long to be kept."
    assert next(engine.speak(text)) is not next(engine.speak(text))
    for number in range(kokoro.KEPT):
        engine._recent[str(number), "", 1.0] = None
    next(engine.speak("No,"))
    assert len(engine._recent) <= kokoro.KEPT + 3
    engine.close()


@pytest.mark.models
def test_the_first_number_in_either_language_imports_nothing(models_home: Path) -> None:
    spec = load().find("kokoro")
    assert imported_by_speaking(spec, models_home / "kokoro", "It is 42.", "一共 42 个。") == []


@pytest.mark.models
def test_a_clause_that_goes_on_ends_without_a_pause(speaker: TTS) -> None:
    (ended,), (goes_on,) = speaker.speak("The capital of France"), speaker.speak("The capital of France ")
    assert samples(goes_on)[-round(0.1 * kokoro.RATE) :].any()
    assert not samples(ended)[-round(0.2 * kokoro.RATE) :].any()


def test_the_build_is_told_without_a_model() -> None:
    assert {"kokoro-onnx", "onnxruntime", "misaki", "phonemizer", "providers"} <= kokoro.build().keys()
