"""Audio input: frames of any microphone's sound, and what ends it is told."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.app.app import App
from core.call.audio_input import SILENT, AudioInput, Sounded, level
from core.call.events import CallNotice, PhaseChanged
from core.call.file_transport import FileClock
from core.call.transport import CallOptions
from core.catalogue.load import load as load_catalogue
from core.errors import EngineFailed, NotInstalled, ParlorError
from core.runtime.pool import Pool
from core.settings import Settings
from core.turn_taking.actions import FRAME
from core.turn_taking.echo import Echo
from core.types.messages import Audio
from tests.sound.noise import noise_at
from tests.support.served import link_models

pytestmark = pytest.mark.models
Came = queue.Queue[Sounded | ParlorError]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Iterator[Pool]:
    pool = Pool(Settings(home=link_models(models_home, tmp_path_factory.mktemp("input") / "home")))
    yield pool
    pool.close()


@pytest.fixture
def came() -> Came:
    return queue.Queue()


@pytest.fixture
def audio_input(pool: Pool, came: Came) -> Iterator[AudioInput]:
    spec = load_catalogue().find("silero-vad")
    made = AudioInput(spec, pool, Echo(), FileClock(fast=True), came.put, came.put)
    yield made
    made.close()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_sound_of_any_rate_in_pieces_of_any_size_becomes_frames(audio_input: AudioInput, came: Came, rate: int) -> None:
    sound = noise_at(1.0, rate)
    for at in range(0, len(sound.pcm), 998):
        audio_input.listen(sound.pcm[at : at + 998], rate)
    frames = [came.get(timeout=60) for _ in range(30)]
    for frame in frames:
        assert isinstance(frame, Sounded)
        assert len(frame.pcm) == 1024
        assert 0 <= frame.frame.speech <= 1
    assert all(isinstance(frame, Sounded) and frame.frame.level > -40 for frame in frames[1:])


def test_times_of_frames_follow_one_another(audio_input: AudioInput, came: Came) -> None:
    audio_input.listen(noise_at(0.32, 16_000).pcm, 16_000)
    ats = [frame.frame.at for frame in (came.get(timeout=60) for _ in range(10)) if isinstance(frame, Sounded)]
    assert [later - at for at, later in itertools.pairwise(ats)] == pytest.approx([FRAME] * 9)


def test_digital_silence_has_a_level() -> None:
    assert level(bytes(1024)) == SILENT
    assert level(b"") == SILENT
    assert level(noise_at(1.0, level=0.1).pcm) == pytest.approx(-20, abs=0.5)


def test_half_a_sample_ends_it_with_a_reason(audio_input: AudioInput, came: Came) -> None:
    audio_input.listen(bytes(961), 48_000)
    error = came.get(timeout=60)
    assert isinstance(error, EngineFailed)
    assert "parlor.log" in str(error)


def test_a_detector_that_is_gone_ends_it_with_a_reason(pool: Pool, came: Came) -> None:
    gone = replace(load_catalogue().find("silero-vad"), id="gone")
    made = AudioInput(gone, pool, Echo(), FileClock(fast=True), came.put, came.put)
    assert isinstance(came.get(timeout=60), NotInstalled)
    made.close()


def test_a_call_that_cannot_hear_any_more_ends_and_the_page_is_told_why(app: App, say: Callable[[str], Audio]) -> None:
    call = app.calls.start("", CallOptions())
    call.listen(bytes(961), 48_000)
    assert call.wait(60)
    events, _ = call.after(0)
    [notice] = [event for event in events if isinstance(event, CallNotice)]
    assert notice.trouble
    last = events[-1]
    assert isinstance(last, PhaseChanged)
    assert (last.phase, last.why) == ("ended", notice.text)
