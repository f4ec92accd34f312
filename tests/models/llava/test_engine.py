"""Questions about pictures, answered by small models of the LLaVA family in their real formats."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import pytest
import torch
from PIL import Image as Pillow
from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaForConditionalGeneration

from core.errors import BadInput, NotEnoughMemory
from core.runtime.protocols import Sampling
from core.types.events import Progress
from core.types.messages import Message
from models.llava import engine as llava
from models.llava.checkpoint import StillOnevision
from models.llava.engine import Llava
from tests.models.llava.helpers import ASK, GREEDY, answer, said, shown, spec
from tests.tiny.tiny_llava import (
    ASKED_SEVERAL,
    ASKED_ZH,
    CHINESE,
    UNSEEN,
    picture,
    write_tiny_llava,
    write_tiny_next,
    write_tiny_onevision,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # peft, while it wraps a model
]


def test_it_names_the_colours_of_three_pictures_in_one_conversation(engine: Llava) -> None:
    talk: tuple[Message, ...] = ()
    for colour in ("red", "green", "blue"):
        talk = (*talk, shown(colour))
        told = answer(engine, talk)
        assert told.text == colour
        talk = (*talk, said("assistant", told.text))
    assert answer(engine, (*talk, said("user", "What colour is it?"))).text == "blue"
    assert engine.encoded == 3


def test_several_pictures_in_one_message_are_seen_in_order(opened: Llava) -> None:
    ask = (said("user", picture("yellow"), picture("black"), picture("white"), ASKED_SEVERAL),)
    assert answer(opened, ask, conversation="b").text == "yellow, black and white"


def test_it_answers_in_chinese(opened: Llava) -> None:
    assert answer(opened, (shown("purple", ASKED_ZH[0]),)).text == CHINESE["purple"]


def test_without_a_picture_it_says_so(opened: Llava) -> None:
    assert answer(opened, (said("user", ASK),)).text == UNSEEN


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (partial(write_tiny_llava, trained=False), AutoProcessor),
        (write_tiny_next, AutoProcessor),
        (write_tiny_onevision, StillOnevision),
    ],
    ids=["1.5", "NeXT", "OneVision"],
)
def test_the_answer_is_the_one_that_transformers_gives(
    write: Callable[[Path], Path], kind: Any, tmp_path: Path
) -> None:
    engine = llava.load(spec(), write(tmp_path))
    pictures = (picture("red", 40, 40), picture("blue", 90, 30))
    talk = (said("user", pictures[0], ASK), said("assistant", "red"), said("user", pictures[1], ASK))
    answer(engine, talk[:1])
    told = answer(engine, talk, GREEDY)
    prompt = f"USER: <image>\n{ASK} ASSISTANT: red</s>USER: <image>\n{ASK} ASSISTANT:"
    processor, model = kind.from_pretrained(tmp_path), AutoModelForImageTextToText.from_pretrained(tmp_path)
    opened = [[Pillow.open(io.BytesIO(each.data))] for each in pictures]
    given = processor(images=opened, text=prompt, return_tensors="pt", add_special_tokens=False)
    count = given["input_ids"].shape[1]
    tokens = model.generate(**given, do_sample=False, max_new_tokens=GREEDY.max_tokens)[0, count:]
    assert told.usage.prompt_tokens == count
    assert told.text == processor.decode(tokens, skip_special_tokens=True).lstrip().rstrip("\ufffd")
    engine.close()


def test_pieces_are_whole_characters(opened: Llava) -> None:
    pieces = [item for item in opened.reply((shown("red", ASKED_ZH[0]),), GREEDY) if isinstance(item, str)]
    assert "".join(pieces) == CHINESE["red"]
    assert all("\ufffd" not in piece for piece in pieces)


def test_a_stop_word_ends_the_answer_before_it(opened: Llava) -> None:
    ask = (said("user", picture("red"), picture("green"), picture("blue"), ASKED_SEVERAL),)
    told = answer(opened, ask, replace(GREEDY, stop=(" and",)), "stop")
    assert told.text == "red, green"
    assert told.usage.finish == "stop"


def test_the_longest_answer_is_kept_to_and_said(opened: Llava) -> None:
    told = answer(opened, (said("user", ASK),), replace(GREEDY, max_tokens=2))
    assert UNSEEN.startswith(told.text)
    assert (told.usage.answer_tokens, told.usage.finish) == (2, "length")


def test_a_seed_gives_the_same_answer_again_and_another_seed_another(opened: Llava) -> None:
    warm = Sampling(temperature=20.0, top_p=1.0, min_p=0.0, max_tokens=20, seed=5)
    first, again, other = (answer(opened, (shown("red"),), replace(warm, seed=seed)).text for seed in (5, 5, 6))
    assert first == again != other


def test_a_grammar_is_refused_with_what_to_do(opened: Llava) -> None:
    with pytest.raises(BadInput, match="GGUF"):
        answer(opened, (shown("red"),), replace(GREEDY, grammar='root ::= "a"'))


def test_closing_in_the_middle_of_an_answer_leaves_the_next_one_right(opened: Llava) -> None:
    stream = opened.reply((said("user", ASK),), GREEDY, "a")
    assert UNSEEN.startswith(str(next(stream)))
    stream.close()
    assert answer(opened, (shown("green"),)).text == "green"
    assert answer(opened, (said("user", ASK),)).text == UNSEEN


def test_closing_while_the_prompt_is_read_leaves_the_next_one_right(engine: Llava) -> None:
    long = (said("user", picture("red"), "你好，世界" * 120, ASK),)
    stream = engine.reply(long, GREEDY, "a")
    assert [type(next(stream)) for _ in range(2)] == [Progress, Progress]
    stream.close()
    assert answer(engine, (shown("blue"),)).text == "blue"


def test_where_memory_runs_out_other_conversations_give_theirs(engine: Llava) -> None:
    def crowded(*_: object) -> None:
        if len(engine._caches._caches) > 1:
            raise torch.OutOfMemoryError("no room")

    answer(engine, (shown("red"),), conversation="one")
    engine._model.register_forward_pre_hook(crowded)
    assert answer(engine, (shown("blue"),), conversation="two").text == "blue"
    assert list(engine._caches._caches) == ["two"]


def test_where_memory_runs_out_for_good_it_says_so_and_goes_on_later(engine: Llava) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    answer(engine, (shown("red"),), conversation="one")
    hook = engine._model.register_forward_pre_hook(full)
    with pytest.raises(NotEnoughMemory, match="Close other programs"):
        answer(engine, (shown("blue"),), conversation="two")
    hook.remove()
    assert answer(engine, (shown("blue"),), conversation="two").text == "blue"


def test_closing_gives_the_memory_back_and_twice_is_harmless(taught: Path) -> None:
    engine = llava.load(spec(), taught)
    answer(engine, (shown("red"),))
    held = models_in_memory()
    engine.close()
    engine.close()
    assert models_in_memory() == held - 1


def models_in_memory() -> int:
    gc.collect()
    return sum(type(each) is LlavaForConditionalGeneration for each in gc.get_objects())


def test_build_names_the_libraries() -> None:
    assert {"transformers", "torch", "peft", "bitsandbytes", "GPU"} <= llava.build().keys()
    assert torch.__version__ in llava.build()["torch"]
