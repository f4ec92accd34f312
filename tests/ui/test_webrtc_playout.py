"""The sound of a call on its way to a browser: without seams, reported as it leaves, gone or quiet within one frame."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from aiortc.rtp import RtpPacket

from core.call.events import Clause
from core.media.audio import resampled
from core.types.messages import Audio
from tests.sound.sounds import samples, tone
from ui.transport.webrtc_patches import InOrder
from ui.transport.webrtc_playout import FADE, FRAME, QUIET, RATE, Heard, Playout

KOKORO = 24_000


def spoken(seconds: float, rate: int = KOKORO) -> Audio:
    """A tone, which shows every seam and click."""
    return resampled(tone(seconds, hz=440, level=-12), rate)


def clause(sound: Audio, turn: int = 1, index: int = 0) -> Clause:
    return Clause(turn, index, "…", sound.seconds, sound)


def played(playout: Playout, frames: int) -> tuple[np.ndarray, list[Heard]]:
    """What left in so many frames, and what was reported with it."""
    made = [playout.frame() for _ in range(frames)]
    return np.concatenate([sound for sound, _ in made]), [heard for _, reports in made for heard in reports]


def steepest(sound: np.ndarray) -> int:
    return int(np.abs(np.diff(sound.astype(int))).max())


@pytest.mark.parametrize("rate", [16_000, 22_050, KOKORO, RATE])
def test_a_sound_that_comes_in_pieces_leaves_as_one(rate: int) -> None:
    whole, playout = spoken(1.0, rate), Playout()
    for index, start in enumerate(range(0, len(whole.pcm), 2 * 1777)):
        playout.put(clause(Audio(whole.pcm[start : start + 2 * 1777], rate), index=index))
    left, _ = played(playout, 60)
    wanted = samples(resampled(whole, RATE)) * 32768
    assert np.abs(left[: len(wanted)] - wanted).max() <= 1
    assert not left[len(wanted) :].any()
    assert playout.underruns == 0


def test_what_has_left_is_reported_at_its_first_sample_then_every_tenth_of_a_second_and_at_its_end() -> None:
    playout = Playout()
    assert playout.frame()[1] == []
    playout.put(clause(spoken(0.35), turn=3))
    _, heard = played(playout, 30)
    assert heard[0] == (3, 0.0)
    assert heard[-1] == (3, pytest.approx(0.35, abs=0.001))
    assert all(0 < after - before <= 0.12 for (_, before), (_, after) in pairwise(heard))


def test_two_answers_are_counted_apart() -> None:
    playout = Playout()
    playout.put(clause(spoken(0.25), turn=1))
    playout.put(clause(spoken(0.15), turn=2))
    _, heard = played(playout, 30)
    assert [turn for turn, _ in heard] == sorted(turn for turn, _ in heard)
    assert max(seconds for turn, seconds in heard if turn == 1) == pytest.approx(0.25, abs=0.001)
    assert next(seconds for turn, seconds in heard if turn == 2) == 0.0
    assert heard[-1] == (2, pytest.approx(0.15, abs=0.001))
    assert playout.underruns == 0


def test_a_hush_is_silence_in_the_next_frame_without_a_click() -> None:
    playout = Playout()
    playout.put(clause(spoken(5.0)))
    before, _ = played(playout, 10)
    playout.hush()
    after, heard = played(playout, 5)
    assert not after[FADE:].any()
    assert steepest(np.concatenate([before, after])) <= steepest(before) * 1.1
    turn, seconds = heard[-1]
    assert (turn, seconds) == (1, pytest.approx(0.2, abs=0.01))


def test_after_a_hush_the_next_answer_is_heard_at_once_and_in_full() -> None:
    playout = Playout()
    playout.put(clause(spoken(5.0)))
    played(playout, 10)
    playout.hush()
    playout.put(clause(spoken(0.5), turn=2))
    left, heard = played(playout, 40)
    assert left[:FRAME].any()
    assert heard[-1] == (2, pytest.approx(0.5, abs=0.001))


def test_ducking_makes_it_quiet_within_a_frame_and_back() -> None:
    playout = Playout()
    playout.put(clause(spoken(5.0)))
    loud, _ = played(playout, 10)
    playout.duck(True)
    sliding, _ = played(playout, 1)
    low, _ = played(playout, 10)
    playout.duck(False)
    played(playout, 1)
    back, _ = played(playout, 10)

    def level(sound: np.ndarray) -> float:
        return float(np.sqrt(np.mean(sound.astype(float) ** 2)))

    assert level(low) == pytest.approx(level(loud) * QUIET, rel=0.02)
    assert level(back) == pytest.approx(level(loud), rel=0.02)
    assert steepest(np.concatenate([loud[-FRAME:], sliding, low[:FRAME]])) <= steepest(loud) * 1.1


def test_a_gap_inside_an_answer_is_counted_and_one_between_answers_is_not() -> None:
    playout = Playout()
    playout.put(clause(spoken(0.1), turn=1))
    played(playout, 20)
    playout.put(clause(spoken(0.1), turn=2))
    played(playout, 20)
    assert playout.underruns == 0
    playout.put(clause(spoken(0.1), turn=2, index=1))
    played(playout, 20)
    assert playout.underruns == 1


def packet(number: int) -> RtpPacket:
    made = RtpPacket(sequence_number=number % 65536, timestamp=number * FRAME)
    made._data = bytes([number % 256])
    return made


def test_a_packet_of_sound_is_handed_on_at_once_also_after_a_loss() -> None:
    buffer = InOrder(capacity=16, prefetch=4)
    came = [65_533, 65_534, 65_536, 65_537, 65_535, 65_537, 65_540]  # one late, one twice, two lost
    frames = [buffer.add(packet(number))[1] for number in came]
    assert [frame and frame.data[0] for frame in frames] == [253, 254, 0, 1, None, None, 4]
