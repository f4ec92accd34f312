"""Speech: one decision in which voice a model speaks, for answers and whatever else is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.spec import ModelSpec
from core.errors import BadInput
from core.media.voice_references import save
from core.pipeline.speech import SpeakingVoice, speaking_voice
from core.settings import Settings, SpeechSettings
from core.types.messages import Audio
from tests.sound.sounds import white_noise

KOKORO = ModelSpec("kokoro", "Kokoro", "speak", "kokoro", "", ("en", "zh"), 0, "", ())
CLONER = replace(KOKORO, id="xtts", engine="coqui", voices=("Ada",), clones=True)


def chosen(home: Path) -> Settings:
    return Settings(home, speech=SpeechSettings(voice_en="af_bella", voice_zh="zf_xiaoni", speed=1.25))


def test_kokoro_speaks_in_the_chosen_voice_of_each_language_at_the_chosen_speed(tmp_path: Path) -> None:
    assert speaking_voice(KOKORO, chosen(tmp_path)) == SpeakingVoice(("af_bella", "zf_xiaoni"), None, 1.25)


def test_a_speaker_of_kokoros_comes_before_both_and_one_of_another_model_is_left_out(tmp_path: Path) -> None:
    settings = chosen(tmp_path)
    assert speaking_voice(KOKORO, replace(settings, speech=replace(settings.speech, speaker="am_adam"))).voices == (
        "am_adam",
        "af_bella",
        "zf_xiaoni",
    )
    assert speaking_voice(KOKORO, replace(settings, speech=replace(settings.speech, speaker="Ada"))).voices == (
        "af_bella",
        "zf_xiaoni",
    )


def test_another_model_speaks_as_its_own_speaker_or_as_it_likes(tmp_path: Path) -> None:
    assert speaking_voice(CLONER, chosen(tmp_path).changed({"speech.speaker": "Ada"})).voices == ("Ada",)
    assert speaking_voice(CLONER, chosen(tmp_path)).voices == ()


def test_a_saved_recording_is_the_voice_of_a_model_that_can_and_of_no_other(tmp_path: Path) -> None:
    recording = Audio(white_noise(4, -20).pcm, 16_000)
    reference = save(tmp_path, "Grandma", recording, "Yes, you may.")
    settings = chosen(tmp_path).changed({"speech.reference": "Grandma"})
    voice = speaking_voice(CLONER, settings)
    assert voice.reference == reference
    assert voice.settings() == {"voices": "", "speed": 1.25, "reference": "Grandma"}
    assert speaking_voice(KOKORO, settings).reference is None


def test_a_recording_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Grandma"):
        speaking_voice(CLONER, chosen(tmp_path).changed({"speech.reference": "Grandma"}))
