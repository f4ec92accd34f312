"""A turn of the person's, in segments as they are recognised."""

from __future__ import annotations

from core.turn_taking.user_turn import RATE, UserTurn
from core.types.messages import Audio, Transcript, Word


def test_a_turn_in_pieces_is_one_message_with_times_from_its_beginning() -> None:
    spoken = UserTurn(1, bytearray(2 * RATE))
    spoken.end(1)
    spoken.heard(1, "First piece.", "en")
    spoken.aligned(1, (Word(" First", 0.1, 0.4, 1.0),))
    spoken.reopen(1, kept=True)
    spoken.sound += bytes(2 * RATE)
    assert len(spoken.end(2)) == 2 * RATE
    assert spoken.text is None, "the second piece is not heard yet"
    spoken.heard(2, "Second piece.", "en")
    spoken.aligned(2, (Word(" Second", 0.2, 0.5, 1.0),))
    audio, transcript = spoken.parts()
    assert isinstance(audio, Audio)
    assert audio.seconds == 2.0
    assert isinstance(transcript, Transcript)
    assert transcript.text == "First piece. Second piece."
    assert [word.start for word in transcript.words] == [0.1, 1.2]


def test_a_pause_that_was_none_is_heard_again_with_what_follows() -> None:
    spoken = UserTurn(1, bytearray(2 * RATE))
    spoken.end(1)
    spoken.heard(1, "I would like", "en")
    spoken.reopen(1, kept=False)
    spoken.sound += bytes(2 * RATE)
    assert len(spoken.end(2)) == 4 * RATE
    spoken.heard(2, "I would like some tea.", "en")
    assert spoken.text == "I would like some tea."


def test_silence_before_the_first_word_is_no_part_of_a_turn_with_a_key() -> None:
    held, spoken = UserTurn(1, waiting=True), UserTurn(2)
    for number in range(100):
        for turn in (held, spoken):
            turn.add(bytes(1024), -100.0 if number < 90 else -20.0, number * 0.032, number >= 90)
    assert len(held.sound) == 2 * round(0.4 * RATE) + 10 * 1024
    assert len(spoken.sound) == 100 * 1024
