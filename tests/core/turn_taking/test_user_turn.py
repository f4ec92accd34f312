"""A turn of the person's, in segments as they are recognised."""

from __future__ import annotations

from core.turn_taking.user_turn import RATE, Pictures, UserTurn
from core.types.messages import Audio, Image, Reading, TextLine, Transcript, Word


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


# what is shown


def shown(data: bytes) -> Image:
    return Image(data, "image/png")


def test_a_reading_follows_its_own_picture_even_where_the_same_is_shown_twice() -> None:
    pictures = Pictures()
    first, second = pictures.add(shown(b"a")), pictures.add(shown(b"a"))
    pictures.read(second, read("two"))
    assert pictures.offer() == (shown(b"a"), shown(b"a"), read("two"))
    pictures.read(first, read("one"))
    assert pictures.offer() == (shown(b"a"), read("one"), shown(b"a"), read("two"))
    assert len(pictures) == 2


def test_only_what_was_offered_is_handed_over_and_what_is_read_too_late_is_left_to_the_turn() -> None:
    pictures = Pictures()
    first = pictures.add(shown(b"a"))
    assert pictures.offer() == (shown(b"a"),)
    pictures.add(shown(b"b"))
    pictures.hand_over()
    pictures.read(first, read("late"))
    assert pictures.offer() == (shown(b"b"),)


def test_what_was_offered_to_a_turn_that_was_none_is_offered_to_the_next() -> None:
    pictures = Pictures()
    pictures.add(shown(b"a"))
    assert pictures.offer() == pictures.offer() == (shown(b"a"),)


def read(text: str) -> Reading:
    return Reading((TextLine(text, (0, 0, 9, 9), 1.0),), 9, 9)
