"""Who has the floor, over hours of made-up talk: frames in, decisions out, no model and no clock but the frames'."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from core.turn_taking.actions import (
    FRAME,
    Action,
    Asked,
    Backchannelled,
    Began,
    Committed,
    Dropped,
    Ducked,
    Ended,
    Frame,
    Hushed,
    Reopened,
)
from core.turn_taking.turn_taking import AGAIN, BACKCHANNEL, BEGIN, LONGEST, SPECULATE, TurnTaking

HEARING = 0.2  # seconds that the simulated transcriber takes
DETECTING = 0.06


@dataclass
class Talk:
    """A Floor with engines around it that answer after a while, and a clock that runs with the frames."""

    push: bool = False
    says: str = "What time is it?"  # what the transcriber hears of a turn
    beside: str | None = None  # what it hears of speech over an answer
    finished: float = 0.9
    answer: float = 0.0  # seconds of the answer being played
    words: str = "It is three o'clock in the afternoon."
    now: float = 0.0
    done: list[tuple[float, Action]] = field(default_factory=list)
    waiting: list[tuple[float, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.floor = TurnTaking(self.push)

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            self.done.append((self.now, action))
            match action:
                case Ended(number):
                    self.waiting += [(self.now + DETECTING, "detected", number), (self.now + HEARING, "heard", number)]
                case Asked():
                    self.waiting.append((self.now + HEARING, "overheard", 0))
                case Hushed():
                    self.answer = 0.0

    def run(self, seconds: float, speech: float = 0.0, echo: float = 0.0) -> Talk:
        """So many seconds of frames with this score."""
        for _ in range(round(seconds / FRAME)):
            self.now += FRAME
            self.act(self.floor.frame(Frame(self.now, speech, -20.0 if speech else -70.0, echo)))
            due, self.waiting = (
                [one for one in self.waiting if one[0] <= self.now],
                [one for one in self.waiting if one[0] > self.now],
            )
            for _, kind, number in sorted(due):
                text = self.says if self.beside is None or not self.answer else self.beside
                if kind == "detected":
                    self.act(self.floor.end_of_turn(number, self.finished))
                elif kind == "heard":
                    self.act(self.floor.heard(number, text, "en"))
                else:
                    self.act(self.floor.overheard(text))
            if self.answer:
                self.answer = max(0.0, self.answer - FRAME)
                self.act(self.floor.sounding(self.words, self.answer) if self.answer else self.floor.answered())
        return self

    def speak(self, seconds: float) -> Talk:
        return self.run(seconds, 0.95)

    def reply(self, seconds: float) -> Talk:
        """An answer of this length begins to sound."""
        self.answer = seconds
        self.act(self.floor.sounding(self.words, seconds))
        return self

    def all(self, kind: type[Action]) -> list[float]:  # type: ignore[valid-type]
        return [at for at, action in self.done if isinstance(action, kind)]

    def count(self, kind: type[Action]) -> int:  # type: ignore[valid-type]
        return len(self.all(kind))


def test_a_turn_that_sounds_and_reads_finished_is_over_as_soon_as_it_is_heard() -> None:
    talk = Talk().run(1.0).speak(2.0)
    ended = talk.now
    talk.run(1.0)
    assert (talk.count(Began), talk.count(Ended), talk.count(Committed)) == (1, 1, 1)
    assert talk.all(Committed)[0] - ended == pytest.approx(SPECULATE + HEARING, abs=2 * FRAME)


def test_the_answer_is_begun_before_the_turn_is_known_to_be_over() -> None:
    talk = Talk(finished=0.1).speak(2.0)
    stopped = talk.now
    talk.run(2.5)
    assert talk.all(Ended)[0] - stopped == pytest.approx(SPECULATE, abs=FRAME)
    assert talk.all(Committed)[0] - stopped == pytest.approx(1.0, abs=2 * FRAME)


@pytest.mark.parametrize(
    ("says", "finished", "patience"),
    [
        ("I would like to", 0.1, 2.0),
        ("I would like to", 0.9, 1.0),
        ("My number is 415 555", 0.9, 1.0),
        ("我想订一张去", 0.2, 1.0),
        ("我的电话是 138 0013", 0.2, 2.0),
        ("然后", 0.1, 2.0),
    ],
)
def test_an_unfinished_turn_is_waited_for(says: str, finished: float, patience: float) -> None:
    talk = Talk(says=says, finished=finished).speak(1.5)
    stopped = talk.now
    talk.run(3.0)
    assert talk.all(Committed)[0] - stopped == pytest.approx(patience, abs=2 * FRAME)


def test_in_a_long_silence_a_speaker_is_nodded_to_once_and_a_finished_turn_is_not_kept_waiting() -> None:
    talk = Talk(says="I would like to", finished=0.1).speak(1.5)
    stopped = talk.now
    talk.run(3.0)
    assert [at - stopped for at in talk.all(Backchannelled)] == pytest.approx([BACKCHANNEL], abs=2 * FRAME)
    assert not Talk().speak(1.5).run(3.0).count(Backchannelled)


def test_whoever_went_on_after_what_sounded_finished_is_given_more_time() -> None:
    talk = Talk().speak(1.0).run(0.6).speak(1.0)
    stopped = talk.now
    talk.run(2.0)
    assert (talk.count(Began), talk.count(Reopened), talk.count(Committed)) == (1, 1, 2)
    assert talk.all(Committed)[1] - stopped == pytest.approx(AGAIN, abs=2 * FRAME)


def test_a_speaker_who_goes_on_takes_the_answer_back() -> None:
    talk = Talk(finished=0.1).speak(1.0).run(0.7).speak(1.0).run(2.0)
    assert (talk.count(Began), talk.count(Ended), talk.count(Reopened), talk.count(Committed)) == (1, 2, 1, 1)
    assert talk.all(Reopened)[0] < talk.all(Committed)[0]


def test_a_speaker_who_goes_on_before_the_answer_is_audible_takes_even_a_finished_turn_back() -> None:
    talk = Talk().speak(1.0).run(0.5)
    assert talk.count(Committed) == 1
    talk.speak(1.0).run(1.0)
    assert (talk.count(Began), talk.count(Reopened), talk.count(Committed)) == (1, 1, 2)


def test_clicks_begin_no_turn() -> None:
    talk = Talk()
    for _ in range(200):
        talk.run(0.064, 0.9).run(0.2)
    assert not talk.done


def test_what_holds_no_words_is_dropped() -> None:
    talk = Talk(says="").speak(0.6).run(1.0)
    assert (talk.count(Dropped), talk.count(Committed)) == (1, 0)
    assert talk.floor.state == "quiet"


def test_a_pause_inside_a_word_ends_nothing() -> None:
    talk = Talk().speak(0.5).run(0.096).speak(0.5)
    assert talk.count(Ended) == 0


def test_captions_are_asked_for_while_somebody_speaks_and_not_in_silence() -> None:
    talk = Talk().speak(6.0)
    assert 8 <= talk.count(Asked) <= 10
    before = talk.count(Asked)
    talk.run(5.0)
    assert talk.count(Asked) == before


def test_a_monologue_is_cut_into_pieces_that_are_kept() -> None:
    talk = Talk().speak(2.5 * LONGEST).run(1.0)
    pieces = [action for _, action in talk.done if isinstance(action, Reopened)]
    assert len(pieces) == 2
    assert all(piece.kept for piece in pieces)
    assert talk.count(Committed) == 1


def test_a_long_piece_is_kept_when_the_speaker_goes_on_after_a_rest() -> None:
    talk = Talk(finished=0.1).speak(10.0).run(0.8).speak(1.0)
    assert [action.kept for _, action in talk.done if isinstance(action, Reopened)] == [True]


# over an answer


def test_words_over_an_answer_make_it_quiet_at_once_and_end_it() -> None:
    talk = Talk(beside="Wait, what about tomorrow?").reply(20.0).run(2.0)
    began = talk.now
    talk.speak(1.5)
    assert talk.all(Ducked)[0] - began == pytest.approx(BEGIN, abs=FRAME)
    assert talk.count(Hushed) == 1
    assert talk.all(Hushed)[0] - began < 0.6
    assert [action.low for _, action in talk.done if isinstance(action, Ducked)] == [True, False], "the next is loud"
    talk.run(1.0)
    assert talk.count(Committed) == 1


@pytest.mark.parametrize("word", ["Uh-huh.", "Yeah.", "Mm-hmm. Right.", "嗯。", "对，对。", "好的，明白了。", "I see."])
def test_agreement_beside_an_answer_does_not_end_it(word: str) -> None:
    talk = Talk(beside=word).reply(20.0).run(2.0).speak(0.5).run(2.0)
    assert (talk.count(Hushed), talk.count(Committed), talk.count(Dropped)) == (0, 0, 1)
    assert [action.low for _, action in talk.done if isinstance(action, Ducked)] == [True, False]


def test_agreement_at_the_very_end_of_an_answer_is_a_turn() -> None:
    talk = Talk(beside="Yes.", says="Yes.").reply(1.2).run(0.8).speak(0.3).run(1.5)
    assert talk.count(Committed) == 1


def test_a_cough_over_an_answer_does_not_end_it() -> None:
    talk = Talk(beside="").reply(30.0).run(2.0)
    for _ in range(5):
        talk.run(0.4, 0.8).run(2.0)
    assert (talk.count(Hushed), talk.count(Committed)) == (0, 0)
    assert talk.count(Dropped) == 5


def test_its_own_voice_in_the_microphone_is_no_speech() -> None:
    talk = Talk().reply(30.0)
    talk.run(10.0, speech=0.95, echo=0.9)
    assert not talk.done


def test_an_echo_that_a_room_has_changed_is_known_by_its_words() -> None:
    talk = Talk(beside="It is three o'clock in the afternoon").reply(30.0)
    talk.run(3.0, speech=0.95, echo=0.2).run(1.0)
    assert talk.count(Hushed) == 0


def test_one_short_word_ends_an_answer() -> None:
    talk = Talk(beside="Stop.").reply(20.0).run(2.0).speak(0.3).run(0.6)
    assert talk.count(Hushed) == 1


# a key instead of a turn detector


def test_with_a_key_nothing_but_the_key_begins_and_ends_a_turn() -> None:
    talk = Talk(push=True).speak(2.0).run(2.0)
    assert not talk.done
    talk.act(talk.floor.key(True))
    talk.speak(1.0).run(3.0).speak(1.0)
    assert talk.count(Ended) == 0
    talk.act(talk.floor.key(False))
    talk.run(HEARING + FRAME)
    assert (talk.count(Began), talk.count(Ended), talk.count(Committed)) == (1, 1, 1)


def test_the_key_takes_the_floor_from_an_answer() -> None:
    talk = Talk(push=True).reply(20.0).run(1.0)
    talk.act(talk.floor.key(True))
    assert talk.count(Hushed) == 1


def test_muting_ends_an_open_turn_which_is_answered_whatever_is_judged_of_it() -> None:
    talk = Talk(says="And then", finished=0.0).speak(1.0)
    talk.act(talk.floor.cut())
    talk.run(HEARING + 2 * FRAME)
    assert talk.count(Committed) == 1


def test_an_hour_of_talk_leaves_the_floor_as_it_was() -> None:
    talk = Talk()
    turns = 0
    while talk.now < 3600:
        talk.speak(2.0).run(0.6)
        talk.reply(4.0).run(5.0)
        turns += 1
        talk.done, last = [], talk.done
        assert sum(isinstance(action, Committed) for _, action in last) == 1
    assert turns > 400
    assert talk.floor.state == "quiet"
    assert not talk.waiting
