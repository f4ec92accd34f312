"""What a chat model is told of words, recordings and pictures."""

from __future__ import annotations

from core.types.messages import Audio, Image, Message, Reading, Text, TextLine, Transcript
from core.types.provenance import Provenance
from models.common.message_text import READING_CHARACTERS, READING_LINES, as_parts, as_seen, as_text

PICTURE = Image(b"", "image/png")
SOUND = Audio(b"\0\0" * 160, 16_000)


def reading(*lines: str) -> Reading:
    return Reading(tuple(TextLine(line, (0, 0, 10, 10), 0.9) for line in lines), 1280, 720)


def test_typed_and_heard_words_stand_in_order() -> None:
    message = Message("user", (Text("Listen:"), SOUND, Transcript("hello there", "en"), Text("你好")))
    assert as_text(message) == "Listen:\n\nhello there\n\n你好"


def test_a_reading_is_a_block_with_the_pictures_number_and_size() -> None:
    message = Message("user", (Text("What is due?"), PICTURE, reading("Invoice 7", "应付 120 元")))
    assert as_text(message) == "What is due?\n\n[Words in picture 1 (1280x720):\nInvoice 7\n应付 120 元]"


def test_pictures_are_numbered_and_an_unread_one_is_said_to_be_unseen() -> None:
    message = Message("user", (PICTURE, PICTURE, reading("second"), Text("Compare.")))
    assert as_text(message) == "[a picture that cannot be seen]\n\n[Words in picture 2 (1280x720):\nsecond]\n\nCompare."


def test_a_picture_without_words_is_said_to_have_none() -> None:
    assert "No words in picture 1" in as_text(Message("user", (PICTURE, reading())))


def test_a_recording_that_nobody_transcribed_is_named() -> None:
    assert as_text(Message("user", (SOUND,))) == "[a recording that cannot be heard]"


def test_silence_leaves_nothing() -> None:
    assert as_text(Message("user", (SOUND, Transcript("")))) == ""


def test_a_long_reading_is_capped_and_says_how_many_lines_are_missing() -> None:
    text = as_text(Message("user", (PICTURE, reading(*(f"row {n}" for n in range(READING_LINES + 35))))))
    assert f"row {READING_LINES - 1}\n(35 more lines left out)]" in text
    assert f"row {READING_LINES}\n" not in text


def test_very_long_lines_are_capped_by_characters() -> None:
    text = as_text(Message("user", (PICTURE, reading("x" * (2 * READING_CHARACTERS), "y"))))
    assert len(text) < READING_CHARACTERS + 200
    assert "(1 more lines left out)" in text


# for a model that sees

SEEN = Image(b"seen", "image/png")
DRAWN = Image(b"drawn", "image/png")


def test_a_model_that_sees_gets_pictures_where_they_stand_and_what_was_read_in_them() -> None:
    message = Message("user", (Text("What is due?"), SEEN, reading("Invoice 7"), SEEN, reading(), Text("你好")))
    words = "[Words in picture 1 (1280x720):\nInvoice 7]"
    assert as_parts(message) == ("What is due?", SEEN, words, SEEN, "你好")


def test_a_picture_without_its_bytes_is_named_in_words_also_to_a_model_that_sees() -> None:
    assert as_parts(Message("user", (PICTURE, Text("?")))) == ("[a picture that cannot be seen]", "?")


def test_a_drawn_picture_is_shown_with_the_next_question_and_counted_first() -> None:
    painted = Provenance("paint", "sd", "1", "", (("prompt", "a red cat"),))
    talk = (
        Message("system", (Text("Be kind."),)),
        Message("user", (Text("Draw a red cat."),)),
        Message("assistant", (DRAWN,), (painted,)),
        Message("user", (SEEN, reading("CAT"), Text("Which is better?"))),
    )
    assert as_seen(talk) == (
        ("system", ("Be kind.",)),
        ("user", ("Draw a red cat.",)),
        ("assistant", ("[A picture drawn for them: a red cat]",)),
        ("user", (DRAWN, SEEN, "[Words in picture 2 (1280x720):\nCAT]", "Which is better?")),
    )


def test_recordings_are_words_to_a_model_that_sees() -> None:
    assert as_parts(Message("user", (SOUND, Transcript("hello"), SEEN))) == ("hello", SEEN)
