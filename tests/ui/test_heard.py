"""The words of a recording in the page: each has its time, and none of the text is lost."""

from __future__ import annotations

from core.types.messages import Transcript, Word
from ui.playback.heard import pieces

KEEPER = Transcript(
    "The keeper climbed <b>slowly</b>.",
    "en",
    (
        Word(" The", 0.5, 0.7, 0.9),
        Word(" keeper", 0.7, 1.4, 0.9),
        Word(" climbed", 2.0, 2.8, 0.9),
        Word(" <b>slowly</b>.", 2.8, 3.4, 0.4),
    ),
)


def test_the_text_stays_whole_and_every_word_has_its_time() -> None:
    found = pieces(KEEPER)
    assert "".join(piece[0] for piece in found) == KEEPER.text
    assert [piece for piece in found if len(piece) == 3][1] == ("keeper", 0.7, 1.4)


def test_a_word_that_the_text_does_not_have_is_left_out_and_nothing_is_lost() -> None:
    heard = Transcript("one two three", "en", (Word("one", 0, 1, 1), Word("2", 1, 2, 1), Word("three", 2, 3, 1)))
    assert pieces(heard) == [("one", 0, 1), (" two ",), ("three", 2, 3)]
    assert pieces(Transcript("only text")) == [("only text",)]
