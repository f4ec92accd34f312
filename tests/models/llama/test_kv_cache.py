"""The KV cache: a turn computes its new tokens only, whoever has been talking meanwhile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from core.types.events import Progress
from models.llama import engine as llama
from models.llama.engine import Llama
from tests.models.llama.helpers import ASK, GREEDY, answer, long_talk, said, spec


def test_a_turn_computes_its_new_tokens_only(engine: Llama) -> None:
    history, cached = ASK, 0
    for turn in range(4):
        words = replace(GREEDY, grammar='root ::= "he" "l" "lo " [a-z] [a-z] [a-z]', seed=turn, temperature=1.0)
        told = answer(engine, history, words)
        assert told.usage.reused_tokens >= cached
        cached = told.usage.prompt_tokens + told.usage.answer_tokens - 1
        history = (*history, said("assistant", told.text), said("user", f"and {turn}?"))
    assert told.usage.reused_tokens > 100


def test_an_answers_own_tokens_stay_though_its_words_would_be_tokenised_otherwise(engine: Llama) -> None:
    spelt = replace(GREEDY, grammar='root ::= "h" ("e") "l" "l" "o"', temperature=3.0, top_p=1.0, min_p=0.0)
    told = next(
        each for seed in range(50) if (each := answer(engine, ASK, replace(spelt, seed=seed))).usage.answer_tokens > 1
    )
    assert told.text == "hello"
    after = answer(engine, (*ASK, said("assistant", "hello"), said("user", "go on")))
    assert after.usage.reused_tokens == told.usage.prompt_tokens + told.usage.answer_tokens


def test_conversations_keep_their_caches_beside_each_other(engine: Llama) -> None:
    other = (said("system", "be long"), said("user", "what is the sea?"))
    words = replace(GREEDY, grammar="root ::= [a-z]{8}")
    first, second = answer(engine, ASK, words, "a"), answer(engine, other, words, "b")
    for name, begun, told in (("a", ASK, first), ("b", other, second)):
        after = answer(engine, (*begun, said("assistant", told.text), said("user", "why?")), words, name)
        assert after.usage.reused_tokens >= told.usage.prompt_tokens + told.usage.answer_tokens - 1


def test_a_parked_conversation_goes_on_exactly_as_if_it_had_never_left(tiny: Path, engine: Llama) -> None:
    words = replace(GREEDY, grammar="root ::= [a-z]{12}")
    told = answer(engine, ASK, words, "a")
    answer(engine, (said("user", "something else entirely"),), words, "b")
    after = (*ASK, said("assistant", told.text), said("user", "why?"))
    undisturbed = llama.load(spec(context_tokens=1024, threads=1), tiny)
    assert answer(undisturbed, ASK, words, "a").text == told.text
    assert answer(undisturbed, after, words, "a").text == answer(engine, after, words, "a").text
    undisturbed.close()


def test_a_new_conversation_shares_the_instructions_already_read(engine: Llama) -> None:
    system = said("system", "be kind and brief " * 5)
    answer(engine, (system, said("user", "hello")), conversation="a")
    fresh = answer(engine, (system, said("user", "goodbye")), conversation="b")
    assert fresh.usage.reused_tokens > 80


def test_an_edit_reuses_what_comes_before_it(engine: Llama) -> None:
    words = replace(GREEDY, grammar="root ::= [a-z]{8}")
    told = answer(engine, ASK, words)
    answer(engine, (*ASK, said("assistant", told.text), said("user", "and then the first way")), words)
    edited = answer(engine, (*ASK, said("assistant", told.text), said("user", "and then another way")), words)
    assert edited.usage.reused_tokens >= told.usage.prompt_tokens + told.usage.answer_tokens


def test_regenerating_computes_the_last_piece_of_the_prompt_and_gives_the_same_words(engine: Llama) -> None:
    ask = (said("user", "x" * 180),)
    warm = replace(GREEDY, temperature=1.0, seed=3)
    first = answer(engine, ask, warm)
    again = answer(engine, ask, warm)
    assert again.usage.reused_tokens == 192
    assert again.text == first.text


def test_closing_in_the_middle_keeps_the_engine_and_its_cache(engine: Llama) -> None:
    stream = engine.reply(ASK, replace(GREEDY, max_tokens=200, grammar="root ::= [a-z]+"), "a")
    heard = "".join(str(next(stream)) for _ in range(10))
    stream.close()
    after = answer(engine, (*ASK, said("assistant", heard), said("user", "go on")))
    alone = answer(engine, ASK, conversation="b").usage.prompt_tokens
    assert after.usage.reused_tokens == alone + 9


def test_closing_while_the_prompt_is_read_keeps_what_was_read(engine: Llama) -> None:
    ask = (said("user", "x" * 700),)
    stream = engine.reply(ask, GREEDY, "a")
    assert isinstance(next(stream), Progress)
    assert isinstance(next(stream), Progress)
    stream.close()
    assert answer(engine, ask).usage.reused_tokens == 64


def test_the_oldest_parked_conversations_make_room(engine: Llama) -> None:
    for name in "abcdef":
        answer(engine, (said("user", name * 300),), conversation=name)
    assert answer(engine, (said("user", "e" * 300),), conversation="e").usage.reused_tokens > 250
    assert answer(engine, (said("user", "a" * 300),), conversation="a").usage.reused_tokens < 50


def test_after_dropping_the_next_turns_reuse_the_cache(engine: Llama) -> None:
    told = [answer(engine, long_talk(turns, letters=5)) for turns in range(20, 44)]
    dropped = [each.dropped for each in told]
    assert dropped[-1] > dropped[0] > 0
    assert dropped == sorted(dropped)
    for before, after in pairwise(told):
        if before.dropped == after.dropped:
            assert after.usage.reused_tokens >= before.usage.prompt_tokens - 24
    assert len(set(dropped)) <= len(dropped) // 3
