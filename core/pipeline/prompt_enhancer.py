"""Prompt enhancer: ``enhance_prompt`` has the chat model write a painter's prompt, in English, with more to see in it.

Painters of Stable Diffusion's kind were trained on English captions, and on long ones: of one in Chinese they
understand nothing, and of a short one they decide the rest by chance.
"""

from __future__ import annotations

from collections.abc import Generator

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed, NotEnoughMemory, WorkerDied
from core.l10n.text import l10n
from core.pipeline.turn_context import TurnContext, timed
from core.pipeline.turn_record import provenance
from core.runtime.engines import RemoteChat
from core.runtime.lease import leased
from core.runtime.worker import Worker
from core.text.script import has_han
from core.types.events import Event, ModelUsed, Progress, Tick
from core.types.generation import Sampling
from core.types.messages import Message, Text

SHORT = 6  # words; a longer English request is a prompt already, and so is what comes of writing one
LONGEST = 60  # words: CLIP reads 77 tokens
GRAMMAR = r"root ::= [A-Za-z] [A-Za-z0-9 ,'()-]{10,360}"  # one line of plain English, nothing around it
TOKENS = 90
INSTRUCTIONS = (
    "You write prompts for an image generator. Rewrite the wish as one line of English: the subject exactly as wished, "
    "with its colours, numbers and place, then setting, light and composition. Add nothing that contradicts the wish. "
    "Answer with the prompt only."
)
EXAMPLES = (
    ("an owl", "a brown owl perched on a mossy branch, soft morning light, detailed feathers, forest behind it"),
    ("一只在雪地里奔跑的红狐狸", "a red fox running through deep snow, pine forest behind it, low winter sun"),
    ("两个苹果放在木桌上", "two red apples on a wooden table, warm side light, still life, plain dark background"),
)  # fmt: skip


def needs_enhancing(prompt: str, spec: ModelSpec) -> bool:
    """Whether ``prompt`` is too short for the painter ``spec``, or in a language it does not understand."""
    return is_foreign(prompt, spec) or len(prompt.split()) < SHORT


def is_foreign(prompt: str, spec: ModelSpec) -> bool:
    """Whether ``prompt`` is in Chinese and the painter does not know Chinese."""
    return "zh" not in spec.languages and has_han(prompt)


def enhance_prompt(context: TurnContext, writer: ModelSpec, request: str) -> Generator[Event, None, str]:
    """The prompt that the chat model ``writer`` makes of ``request``; empty when it cannot, or makes nothing of it."""
    try:
        text = yield from _generate(context, writer, request)
    except (NotEnoughMemory, EngineFailed, WorkerDied):  # a request can be painted as it stands
        return ""
    prompt = _trim(text.strip().partition("\n")[0])
    if len(prompt.split()) < SHORT:
        return ""
    yield ModelUsed(provenance("prompt", writer, temperature=0.0))
    return prompt


def _generate(context: TurnContext, writer: ModelSpec, request: str) -> Generator[Event, None, str]:
    grammar = GRAMMAR if writer.engine == "llama" else ""  # only llama.cpp holds a model to one
    sampling = Sampling(temperature=0.0, max_tokens=TOKENS, seed=context.sampling.seed, grammar=grammar)
    with (yield from leased(context.pool, writer)) as worker:
        return (yield from timed("prompt", _reply(worker, _messages(request), sampling)))


def _reply(worker: Worker, messages: tuple[Message, ...], sampling: Sampling) -> Generator[Event, None, str]:
    text = ""
    yield Progress("prompt", None, l10n("Writing the prompt"))
    with RemoteChat(worker).reply(messages, sampling, "painter's prompts") as call:
        for item in call:
            if isinstance(item, str):
                text += item
            elif isinstance(item, Tick):
                yield item
    return text


def _messages(request: str) -> tuple[Message, ...]:
    messages = [Message("system", (Text(INSTRUCTIONS),))]
    for example, prompt in EXAMPLES:
        messages += Message("user", (Text(example),)), Message("assistant", (Text(prompt),))
    return (*messages, Message("user", (Text(request),)))


def _trim(text: str) -> str:
    """At most ``LONGEST`` words, ended where a phrase ends."""
    words = " ".join(text.split()).split(" ")
    if len(words) <= LONGEST and len(text) < 340:
        return " ".join(words).strip(" ,-(")
    head = " ".join(words[:LONGEST])
    return (head.rpartition(",")[0] or head).strip(" ,-(")
