"""A turn goes to the models it needs, and a wish to draw is told from talk about drawing (router_cases.toml)."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.spec import ModelSpec, Task
from core.errors import BadInput
from core.pipeline.route import Choice, Plan, route, wants_picture
from core.pipeline.starter_vision import description_prompt, insert_description, question_prompt
from core.types.messages import Audio, Image, Message, Reading, Text, TextLine, Transcript, Turn

CASES = tomllib.loads(Path(__file__).with_name("router_cases.toml").read_text("utf-8"))
WISHES = [(said, drawn) for language in ("en", "zh") for said, drawn in CASES["wish"][language].items()]
TALK = [said for language in ("en", "zh") for said in CASES["talk"][language]]


def spec(task: Task) -> ModelSpec:
    return ModelSpec(task, task, task, "none", "MIT", ("en", "zh"), 0, "1", ())


LISTEN, READ, CHAT, SEE, PAINT, SPEAK = map(spec, ("hear", "read", "chat", "see", "paint", "speak"))
ALL = Choice(LISTEN, READ, CHAT, paint=PAINT, speak=SPEAK)
RECORDING, PHOTO = Audio(bytes(3200), 16000), Image(b"picture", "image/png")


@pytest.mark.parametrize(("said", "drawn"), WISHES)
def test_a_wish_to_draw_is_understood(said: str, drawn: str) -> None:
    assert wants_picture(said) == drawn


@pytest.mark.parametrize("said", TALK)
def test_talk_is_not_taken_for_a_wish(said: str) -> None:
    assert wants_picture(said) is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_is_large_and_balanced(language: str) -> None:
    assert len(CASES["wish"][language]) >= 40
    assert len(CASES["talk"][language]) >= 60


@pytest.mark.parametrize(
    ("turn", "plan"),
    [
        (Turn((Text("hello"),)), Plan(chat=CHAT)),
        (Turn((Text("hello"),), speak=True), Plan(chat=CHAT, speak=SPEAK)),
        (Turn((RECORDING,)), Plan(listen=LISTEN, chat=CHAT)),
        (Turn((RECORDING, Transcript("hello")), speak=True), Plan(chat=CHAT, speak=SPEAK)),
        (Turn((Text("what does it say?"), PHOTO)), Plan(read=READ, chat=CHAT)),
        (Turn((PHOTO, Reading((TextLine("draw a cat", (0, 0, 9, 9), 1.0),), 9, 9))), Plan(chat=CHAT)),
        (Turn((PHOTO, RECORDING)), Plan(listen=LISTEN, read=READ, chat=CHAT)),
        (Turn((Text("draw a cat"),)), Plan(chat=CHAT, paint=PAINT, draw=True, prompt="a cat")),
        (
            Turn((RECORDING, Transcript("帮我画一只猫。", "zh"))),
            Plan(chat=CHAT, paint=PAINT, draw=True, prompt="一只猫"),
        ),
        (Turn((Text("draw a cat"),), draw=False), Plan(chat=CHAT)),
        (Turn((Text("a cat"),), draw=True), Plan(chat=CHAT, paint=PAINT, draw=True, prompt="a cat")),
        (Turn((Text("draw a cat"),), draw=True), Plan(chat=CHAT, paint=PAINT, draw=True, prompt="a cat")),
    ],
)
def test_a_turn_gets_the_models_it_needs(turn: Turn, plan: Plan) -> None:
    assert route(turn, (), ALL) == plan


def test_without_a_painter_the_wish_is_still_known() -> None:
    assert route(Turn((Text("draw a cat"),)), (), Choice(chat=CHAT)) == Plan(chat=CHAT, draw=True, prompt="a cat")


@pytest.mark.parametrize(
    "text", ["请帮我" * 400, "please " * 200, "a " * 700, "给我来一张" * 250, "make a b " * 150, "，" * 1400]
)
def test_no_text_keeps_the_router_busy(text: str) -> None:
    """Matching that grows exponentially would never end here."""
    assert wants_picture(text) is None
    assert wants_picture(text * 1000) is None


def test_a_long_paste_is_no_wish() -> None:
    assert wants_picture("draw a cat " + "word " * 1000) is None


SEEING = Choice(LISTEN, READ, CHAT, SEE, PAINT, SPEAK)
SHOWN = (Message("user", (PHOTO, Text("look"))), Message("assistant", (Text("nice"),)))
DRAWN = (Message("user", (Text("draw a cat"),)), Message("assistant", (PHOTO,)))


@pytest.mark.parametrize(
    ("turn", "history", "plan"),
    [
        (Turn((PHOTO, Text("what is it?"))), (), Plan(read=READ, chat=SEE)),
        (Turn((Text("and its colour?"),)), SHOWN, Plan(chat=SEE)),
        (Turn((Text("hello"),)), (), Plan(chat=CHAT)),
        (Turn((Text("is it good?"),)), DRAWN, Plan(chat=CHAT)),
        (Turn((Text("draw a cat"), PHOTO)), SHOWN, Plan(read=READ, chat=CHAT, paint=PAINT, draw=True, prompt="a cat")),
    ],
    ids=["shown now", "shown before", "no picture", "drawn by Parlor", "a wish to draw"],
)
def test_where_a_picture_was_shown_the_model_that_sees_answers(
    turn: Turn, history: tuple[Message, ...], plan: Plan
) -> None:
    assert route(turn, history, SEEING) == plan


EYES = replace(SEE, id="eyes", miniature=True)
GLANCING = replace(SEEING, see=EYES)
WORDLESS = Reading((), 9, 9)
WORDED = Reading((TextLine("Total: 1,042.00 EUR", (0, 0, 9, 9), 1.0),), 9, 9)
SIGN = Reading((TextLine("JULY", (0, 0, 9, 9), 1.0),), 9, 9)
SEEN = (Message("user", (PHOTO, WORDLESS)), Message("assistant", (Text("A cat."),)))
READ_BEFORE = (Message("user", (PHOTO, WORDED)), Message("assistant", (Text("42"),)))


@pytest.mark.parametrize(
    ("turn", "history", "plan"),
    [
        (Turn((PHOTO, WORDLESS, Text("What is this?"))), (), Plan(chat=EYES)),
        (Turn((PHOTO, WORDLESS)), READ_BEFORE, Plan(chat=EYES)),
        (Turn((PHOTO, WORDED, Text("What is this?"))), (), Plan(chat=CHAT)),
        (Turn((PHOTO, SIGN, Text("What is this?"))), (), Plan(chat=EYES)),
        (Turn((PHOTO, SIGN, Text("What does it say?"))), (), Plan(chat=CHAT)),
        (Turn((PHOTO, SIGN, Text("上面写着什么？"))), (), Plan(chat=CHAT)),
        (Turn((PHOTO, WORDLESS, Text("Guess my mood from it."))), (), Plan(look=EYES, chat=CHAT)),
        (Turn((PHOTO, WORDLESS, Text("为它写一首诗"))), READ_BEFORE, Plan(look=EYES, chat=CHAT)),
        (Turn((PHOTO, WORDED, Text("Write a poem about it."))), (), Plan(chat=CHAT)),
        (Turn((Text("Write a poem about it."),)), SEEN, Plan(chat=CHAT)),
        (Turn((PHOTO, WORDED, Text("What is this?"))), SEEN, Plan(chat=CHAT)),
        (Turn((Text("How many are there?"),)), SEEN, Plan(chat=EYES)),
        (Turn((Text("背景是什么颜色？"),)), SEEN, Plan(chat=EYES)),
        (Turn((Text("What is the capital of France?"),)), SEEN, Plan(chat=CHAT)),
        (Turn((Text("给我讲个笑话"),)), SEEN, Plan(chat=CHAT)),
        (Turn((Text("How many are there?"),)), READ_BEFORE, Plan(chat=CHAT)),
        (Turn((Text("What is this?"),)), (), Plan(chat=CHAT)),
    ],
)
def test_miniature_eyes_answer_what_they_can_and_tell_the_chat_model_what_they_see_for_the_rest(
    turn: Turn, history: tuple[Message, ...], plan: Plan
) -> None:
    assert route(turn, history, GLANCING) == plan


def test_what_miniature_eyes_saw_stands_where_the_picture_stood() -> None:
    first, second = Image(b"first", "image/png"), Image(b"second", "image/png")
    question = Message("user", (first, WORDED, second, WORDLESS, Text("Write a poem about it.")))
    assert description_prompt(question, chinese=False) == Message("user", (second, Text("Describe the picture.")))
    seen, asked_for = "Two cats on a red background.", Text("Write a poem about it.")
    words = Text(f"[Picture: {seen}]")
    assert insert_description(question, seen).parts == (first, WORDED, words, asked_for)


def test_miniature_eyes_that_were_chosen_to_chat_answer_everything() -> None:
    assert route(Turn((Text("hello"),)), (), replace(GLANCING, chat=EYES)) == Plan(chat=EYES)


@pytest.mark.parametrize(
    ("said", "language", "question"),
    [((Text("How many?"),), "", "How many?"), ((), "", "What is in the picture?"), ((), "zh", "图片里有什么？")],
)
def test_miniature_eyes_get_one_picture_and_one_question(said: tuple[Text, ...], language: str, question: str) -> None:
    other = Image(b"another", "image/png")
    assert question_prompt(Turn((*said, other)), SEEN, language) == Message("user", (other, Text(question)))
    assert question_prompt(Turn(said), SEEN, language) == Message("user", (PHOTO, Text(question)))


def test_miniature_eyes_without_a_picture_say_what_they_need() -> None:
    with pytest.raises(BadInput, match="picture"):
        question_prompt(Turn((Text("hello"),)), (), "")
