"""System prompts: ``instructions`` gives the one a model is told first."""

from __future__ import annotations

from core.catalogue.spec import ModelSpec
from core.pipeline.turn_context import TurnContext
from core.types.messages import Message, Text

INSTRUCTIONS = (
    "You are Parlor, a helpful assistant that runs entirely on this person's own computer. "
    "Answer in the language of the question, English or simplified Chinese, correctly and briefly. "
    "A block that begins with [Words in picture holds the words read from a picture they show you: answer from it and "
    "quote its names and numbers exactly; if it does not say, say so."
)


# For a model of one language. SmolLM2 135M answers "Count to five." and the capital of France with nonsense when it is
# told its name, other languages or to be brief, and rightly when it is told no more than this.
BRIEF_INSTRUCTIONS = "You are a helpful assistant."


def instructions(context: TurnContext, spec: ModelSpec) -> Message:
    """The system message: the person's own words or Parlor's, and the language to answer in when one was asked for."""
    language = {"en": "\nAnswer in English.", "zh": "\n请用简体中文回答。"}.get(context.turn.language, "")
    own = INSTRUCTIONS if len(spec.languages) > 1 else BRIEF_INSTRUCTIONS
    return Message("system", (Text((context.settings.instructions or own) + language),))
