"""Coqui's voices: a real one is understood; with speakers, languages and references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import settings
from core.catalogue.load import load as catalogue
from core.catalogue.spec import ModelSpec
from core.errors import BadInput, EngineFailed
from core.formats import coqui as coqui_files
from core.runtime.protocols import TTS, Transcriber
from core.text.normalise import spoken
from core.types.messages import Audio
from models.coqui import engine as coqui
from models.coqui import text as coqui_text
from models.coqui.phonemes import Espeak
from models.whisper import engine as whisper
from tests.sound.fresh_voice import imported_by_speaking
from tests.sound.recordings import recordings
from tests.sound.scoring import wer, words
from tests.tiny import piper_vits
from tests.tiny.tiny_vits import RATE, write_tiny_vits, write_tiny_yourtts
from tests.tiny.tiny_xtts import write_tiny_xtts

SPEC = ModelSpec("tiny", "Tiny voice", "speak", "coqui", "", ("en", "zh"), 0, "", (), defaults=(("device", "cpu"),))
MUSEUM = (
    "The museum opened in 1987 and now holds 12,450 paintings on three floors. A ticket costs $14.50 for adults, and "
    "children under 12 enter for free. Visitors usually spend about two hours in the **main hall**, where the largest "
    "picture is 6 feet high. If you arrive before nine in the morning, you can walk through the garden first. "
    "The kitchen, which closes at 5 pm, serves fresh bread, soup and 20 kinds of tea."
)


def sound(pieces: Iterator[Audio]) -> Audio:
    made = list(pieces)
    return Audio(b"".join(piece.pcm for piece in made), made[0].rate)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> TTS:
    return coqui.load(SPEC, write_tiny_vits(tmp_path_factory.mktemp("vits")))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> TTS:
    return coqui.load(SPEC, write_tiny_vits(tmp_path_factory.mktemp("several"), ("Ada", "李明")))


@pytest.fixture(scope="module")
def cloner(tmp_path_factory: pytest.TempPathFactory) -> TTS:
    return coqui.load(SPEC, write_tiny_xtts(tmp_path_factory.mktemp("xtts")))


@pytest.fixture(scope="module")
def joe(tmp_path_factory: pytest.TempPathFactory) -> TTS:
    piper = piper_vits.fetch(settings.load())
    return coqui.load(piper_vits.JOE, piper_vits.write_coqui_folder(piper, tmp_path_factory.mktemp("joe")))


@pytest.fixture(scope="module")
def ear(models_home: Path) -> Transcriber:
    return whisper.load(catalogue().find("whisper-base"), models_home / "whisper-base")


@pytest.mark.models
@pytest.mark.slow
def test_a_paragraph_in_a_real_voice_is_heard_with_at_most_eight_percent_wrong(ear: Transcriber, joe: TTS) -> None:
    heard = "".join(segment.text for segment in ear.transcribe(sound(joe.speak(MUSEUM)), "en"))
    wanted, got = (" ".join(run.text for run in spoken(text, "en")) for text in (MUSEUM, heard))
    assert len(words(wanted)) >= 60
    assert wer(wanted, got) <= 0.08, got


@pytest.mark.models
@pytest.mark.slow
def test_the_first_sentence_is_heard_before_the_others_are_made(ear: Transcriber, joe: TTS) -> None:
    saying = joe.speak(MUSEUM)
    first = next(saying)
    saying.close()  # type: ignore[attr-defined]
    heard = "".join(segment.text for segment in ear.transcribe(first, "en"))
    assert re.search(r"\b(three|3) floors", heard)
    assert "ticket" not in heard
    assert list(joe.speak("Another answer begins."))


def test_each_sentence_is_a_sound_of_its_own_and_stop_falls_between_them(single: TTS) -> None:
    text = "The first sentence is long enough to stand alone. The second one is as long as the first was. And a third."
    whole = list(single.speak(text))
    saying = single.speak(text)
    assert next(saying) == whole[0]
    saying.close()  # type: ignore[attr-defined]
    assert sum(bool(set(audio.pcm) - {0}) for audio in whole) == 3
    assert {audio.rate for audio in whole} == {RATE}


def test_the_same_words_have_the_same_sound(single: TTS) -> None:
    assert list(single.speak("Say it again.")) == list(single.speak("Say it again."))


def test_a_named_speaker_speaks_and_an_unknown_one_leaves_it_to_the_first(several: TTS) -> None:
    ada, ming = (sound(several.speak("Hello there.", (name,))) for name in ("Ada", "李明"))
    assert ada != ming
    assert sound(several.speak("Hello there.")) == ada
    assert sound(several.speak("Hello there.", ("af_heart", "", "李明", "Ada"))) == ming


@pytest.mark.parametrize(("speed", "least", "most"), [(0.5, 1.5, 2.1), (2.0, 0.45, 0.7)])
def test_speed_stretches_what_is_said(single: TTS, speed: float, least: float, most: float) -> None:
    usual, other = (sound(single.speak("a sentence of some length " * 5, speed=each)).seconds for each in (1, speed))
    assert least < other / usual < most  # each letter lasts a whole number of frames, one at least


@pytest.mark.parametrize("speed", [0.4, 2.1])
def test_a_speed_outside_is_refused(single: TTS, speed: float) -> None:
    with pytest.raises(BadInput, match=r"choose 0\.5 to 2"):
        next(single.speak("Hello.", speed=speed))


def test_chinese_and_english_are_both_said(single: TTS) -> None:
    chinese, mixed = sound(single.speak("今天有25个人来。")), sound(single.speak("今天 Hello 见。"))
    assert chinese.seconds > 0.5
    assert mixed.seconds > 0.5


@pytest.mark.parametrize("text", ["", "...", "Привет", "🙂"])
def test_nothing_comes_of_a_text_without_letters_that_the_model_knows(single: TTS, text: str) -> None:
    assert list(single.speak(text)) == []


def test_a_reference_changes_nothing_for_a_model_that_cannot_clone(single: TTS) -> None:
    assert sound(single.speak("Hello.", reference=recordings("en")[0].audio)) == sound(single.speak("Hello."))


def test_a_model_with_several_languages_speaks_the_one_that_fits(tmp_path: Path) -> None:
    voice = coqui.load(SPEC, write_tiny_vits(tmp_path, languages=("en", "zh-cn", "fr-fr")))
    assert coqui_files.languages(tmp_path) == ("en", "zh", "fr")
    english, french = (sound(voice.speak("Bonjour tout le monde.", language=code)) for code in ("en", "fr"))
    assert english != french
    assert sound(voice.speak("Bonjour tout le monde.")) == english
    assert sound(voice.speak("你好。")).seconds > 0.1


def test_a_model_with_a_speaker_encoder_speaks_like_a_recording(tmp_path: Path) -> None:
    voice = coqui.load(SPEC, write_tiny_yourtts(tmp_path))
    assert coqui_files.clones(tmp_path)
    assert coqui_files.speakers(tmp_path) == ("Ada", "李明")
    one, two = (recording.audio for recording in recordings("en")[:2])
    ada, first, second = (sound(voice.speak("Hello.", ("Ada",), reference=each)) for each in (None, one, two))
    assert len({ada, first, second}) == 3
    assert sound(voice.speak("Hello.", reference=one)) == first


@pytest.mark.slow
def test_xtts_gives_a_sentence_away_in_parts_and_says_it_the_same_way_again(cloner: TTS) -> None:
    saying = cloner.speak("Hello there, this is a whole sentence.")
    first = next(saying)
    saying.close()  # type: ignore[attr-defined]
    again = list(cloner.speak("Hello there, this is a whole sentence."))
    assert again[0] == first
    assert sum(bool(set(audio.pcm) - {0}) for audio in again) > 1


@pytest.mark.slow
def test_xtts_has_speakers_and_speaks_like_a_recording(cloner: TTS) -> None:
    reference = recordings("en")[0].audio
    made = [next(cloner.speak("Hi.", voices, reference=heard)) for voices, heard in
            ((("Ada",), None), (("李明",), None), ((), reference))]  # fmt: skip
    assert len(set(made)) == 3
    assert next(cloner.speak("Hi.", reference=reference)) == made[2]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "language"), [("你好，世界。", ""), ("Das kostet 20 Euro.", "de")])
def test_xtts_speaks_other_languages(cloner: TTS, text: str, language: str) -> None:
    assert next(cloner.speak(text, language=language)).rate == 24_000


def test_xtts_without_speakers_asks_for_a_recording(tmp_path: Path) -> None:
    voice = coqui.load(SPEC, write_tiny_xtts(tmp_path, speakers=()))
    with pytest.raises(BadInput, match="needs a recording"):
        next(voice.speak("Hello."))
    assert next(voice.speak("Hello.", reference=recordings("en")[0].audio))


@pytest.mark.parametrize(
    ("language", "languages", "said"),
    [
        ("", ("en", "zh-cn", "de"), [("It costs five euros today.", "en"), ("谢谢。", "zh-cn")]),
        ("en", ("en-us",), [("It costs five euros today.", "en-us")]),
        ("de", ("en", "zh-cn", "de"), [("It costs €5 today. 谢谢。", "de")]),
        ("", ("de",), [("It costs €5 today. 谢谢。", "de")]),
        ("", (), [("It costs five euros today.", ""), ("谢谢。", "")]),
        ("fr", ("en",), [("It costs five euros today.", "en")]),
    ],
)
def test_each_run_goes_to_a_language_that_the_model_has(
    language: str, languages: tuple[str, ...], said: list[tuple[str, str]]
) -> None:
    made = coqui_text.pieces("It costs **€5** today. 谢谢。", language, languages)
    assert [(piece.text.strip(), piece.language) for piece in made] == said


@pytest.mark.parametrize("text", ["one, two three four", "一二三，四五六七八九十", "x" * 25, " a  b "])
def test_a_long_text_is_cut_behind_marks_and_words(text: str) -> None:
    cut = list(coqui_text.parts(text, 8))
    assert max(map(len, cut)) <= 8
    assert "".join("".join(cut).split()) == "".join(text.split())


def test_phonemes_need_no_espeak_program() -> None:
    assert Espeak("en-us").phonemize("Hello, world! A bit of déjà vu?") == "həlˈoʊ, wˈɜːld! ɐ bˈɪt ʌv dˌeɪʒɑː vˈuː?"
    several = Espeak("en", ("en", "de"))
    assert several.phonemize("Wasser", language="de") != several.phonemize("Wasser", language="en")
    with pytest.raises(EngineFailed, match="does not know the language 'tlh'"):
        Espeak("tlh")


@pytest.mark.slow
def test_the_first_number_in_either_language_imports_nothing(tmp_path: Path) -> None:
    folder = write_tiny_vits(tmp_path, languages=("en", "zh-cn"))
    assert imported_by_speaking(SPEC, folder, "It is 42.", "一共 42 个。") == []


@pytest.mark.slow
def test_the_first_number_in_either_language_imports_nothing_for_xtts(tmp_path: Path) -> None:
    folder = write_tiny_xtts(tmp_path)
    assert imported_by_speaking(SPEC, folder, "42.", "42 个。") == []


def test_the_build_is_told_without_a_model() -> None:
    assert {"coqui-tts", "torchaudio", "torch"} <= coqui.build().keys()


def test_half_of_the_cores_are_left_to_the_chat_model() -> None:
    assert [coqui.threads(cores) for cores in (1, 2, 8, 64)] == [1, 1, 4, 8]


def test_nothing_is_taken_on_a_gpu_by_a_voice_on_the_cpu(single: TTS) -> None:
    assert single.gpu_bytes() == 0  # type: ignore[attr-defined]


def test_a_voice_that_is_closed_leaves_others_alone(tmp_path: Path, single: TTS) -> None:
    other = coqui.load(replace(SPEC, languages=("de",)), write_tiny_vits(tmp_path))
    assert list(other.speak("Es kostet 5 Euro."))
    other.close()
    assert list(single.speak("Hello."))
