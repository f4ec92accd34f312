"""Warm-up: every model that a call can have is put to work once, and a call answers with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.app.app import App
from core.app.services import Services
from core.call.events import PhaseChanged
from core.call.host import turn_context
from core.call.transport import CallOptions
from core.call.warm_up import exercise, warm_up
from core.catalogue.load import load as load_catalogue
from core.errors import NotInstalled
from core.pipeline.instructions import instructions
from core.pipeline.respond import for_seeing_model
from core.pipeline.turn_context import TurnContext
from core.runtime.engines import RemoteChat
from core.runtime.lease import acquire
from core.runtime.pool import Pool
from core.settings import Settings
from core.store.store import Store
from core.types.generation import Usage
from core.types.messages import Audio, Message, Text
from tests.support.held_call import FRANCE, Held
from tests.support.own_models import own
from tests.support.web.served import link_models
from tests.tiny.tiny_gguf import write_tiny_gguf
from tests.tiny.tiny_llava import picture, write_tiny_llava
from tests.tiny.tiny_mmproj import write_tiny_vision_gguf
from tests.tiny.tiny_vits import write_tiny_vits
from tests.tiny.tiny_whisper import write_tiny_whisper

pytestmark = pytest.mark.models
SHOWN = Message("user", (picture("red"), Text("What colour is this picture?")))
CHATS = ("tiny-chat", "tiny-llava", "tiny-vision")
ALL = ("silero-vad", "tiny-ears", "smart-turn", "rapidocr", *CHATS, "starter-eyes", "tiny-voice")


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model that sees, for each of the two engines that can."""
    folder = tmp_path_factory.mktemp("seeing")
    write_tiny_llava(folder / "tiny-llava")
    write_tiny_vision_gguf(folder / "tiny-vision", folder / "tiny-llava")
    return {name: folder / name for name in ("tiny-llava", "tiny-vision")}


@pytest.fixture(scope="module")
def context(
    tmp_path_factory: pytest.TempPathFactory, models_home: Path, seeing: dict[str, Path]
) -> Iterator[TurnContext]:
    """A turn of a call in which a picture was shown."""
    folder = tmp_path_factory.mktemp("warm")
    home = link_models(models_home, folder / "home")
    (folder / "ears").mkdir()
    (folder / "chat").mkdir()
    write_tiny_whisper(folder / "ears")
    write_tiny_gguf(folder / "chat" / "model.gguf")
    settings = Settings(home=home, speak="tiny-voice", threads=1)
    for name, path in seeing.items():
        own(home, path, name)
    own(home, folder / "ears", "tiny-ears")
    own(home, folder / "chat" / "model.gguf", "tiny-chat")
    own(home, write_tiny_vits(folder / "voice"), "tiny-voice")
    store, pool = Store(settings.database, settings.media), Pool(settings)
    services = Services(settings, load_catalogue(home / "catalogue.toml"), store, pool)
    yield turn_context(services, (Text("Hello."),), (SHOWN,), CallOptions(), "c")
    pool.close()
    store.close()


@pytest.mark.parametrize("model", ALL)
def test_any_model_that_a_call_can_have_is_put_to_work(context: TurnContext, model: str) -> None:
    spec = load_catalogue(context.settings.home / "catalogue.toml").find(model)
    exercise(context, spec)
    assert spec.id in {each.spec.id for each in context.pool.loaded()}


@pytest.mark.parametrize("model", CHATS)
def test_a_chat_model_has_read_what_the_first_turn_begins_with(context: TurnContext, model: str) -> None:
    spec = load_catalogue(context.settings.home / "catalogue.toml").find(model)
    exercise(context, spec)
    messages = (instructions(context, spec), *context.history, Message("user", (Text("What is it?"),)))
    sampling = replace(context.sampling, max_tokens=1)
    with acquire(context.pool, spec) as worker:
        asked = tuple(map(for_seeing_model, messages)) if spec.task == "see" else messages
        with RemoteChat(worker).reply(asked, sampling, context.conversation) as call:
            [usage] = [item for item in call if isinstance(item, Usage)]
    assert usage.reused_tokens > usage.prompt_tokens / 2


def test_what_another_model_cannot_do_it_tells_when_it_is_needed(context: TurnContext) -> None:
    catalogue = load_catalogue(context.settings.home / "catalogue.toml")
    hear, gone = catalogue.find("tiny-ears"), replace(catalogue.find("tiny-chat"), id="gone")
    warm_up(context, hear, [gone, catalogue.find("tiny-voice")])
    assert "tiny-voice" in {each.spec.id for each in context.pool.loaded()}
    with pytest.raises(NotInstalled):
        warm_up(context, gone, [hear])


@pytest.mark.parametrize("model", ["tiny-llava", "tiny-vision"])
def test_a_call_with_a_chat_model_that_sees_opens_and_answers(
    app: App, say: Callable[[str], Audio], seeing: dict[str, Path], model: str
) -> None:
    own(app.settings.home, seeing[model], model)
    app.reload()
    app.settings = replace(app.settings, chat=model)
    held = Held(app).over(0.5, say(FRANCE))
    phases = [event.phase for event in held.all(PhaseChanged)]
    assert phases[:2] == ["opening", "held"] or phases[:2] == ["opening", "listening"]
    assert len(held.finals("parlor")) == 1
    question, answer = held.kept
    assert "France" in question.text
    assert answer.made_by[0].model == model
    assert not answer.cut
