"""A turn under way: what is being done, and the answer as it is written. The run itself knows nothing of this page."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from core.app.app import parlor
from core.app.runs import Run
from core.types.events import Delta, Heard, Notice, Picture, Progress, Prompt, Sound, Understood
from core.types.image_request import ImageRequest
from core.types.messages import Image
from ui.chat.pictures import canvas
from ui.common.safe_markdown import blocks, literal, safe
from ui.i18n.words import WORDS, language, say

EVERY = 0.15  # seconds between looks at the run
FOLD = 1500  # characters of finished blocks that are sent again before the page is drawn anew


@dataclass(slots=True)
class RunView:
    """What a page has read of a run so far."""

    at: int = 0
    text: str = ""
    doing: Progress = field(default_factory=lambda: Progress("start"))
    notes: list[Notice] = field(default_factory=list)
    request: ImageRequest | None = None
    pictures: list[Image] = field(default_factory=list)
    preview: Image | None = None
    understood: bool = False
    speaking: bool = False

    def read(self, run: Run) -> None:
        events, self.at = run.after(self.at)
        for event in events:
            match event:
                case Delta(text=more):
                    self.text += more
                case Understood():
                    self.understood, self.doing = True, Progress("chat")
                case Heard():
                    self.doing = Progress("start")
                case Notice():
                    self.notes.append(event)
                case Progress(preview=preview):
                    self.doing, self.preview = event, preview or self.preview
                case Prompt(request=request):
                    self.request = request
                case Picture(image=image):
                    self.pictures.append(image)
                    self.preview = None
                case Sound():
                    self.speaking = True


def live(run: Run) -> None:
    """Follow ``run`` until it ends, then draw the page anew from the store.

    Finished blocks are drawn once, here; only what came since is sent again and again. When that has grown long, the
    page is drawn anew with it among the finished ones.
    """
    seen = RunView()
    seen.read(run)
    understood, stable = seen.understood, len(blocks(seen.text)[:-1])
    with st.container(key="live"):
        for block in blocks(seen.text)[:stable]:
            st.markdown(safe(block))

        @st.fragment(run_every=EVERY)
        def follow() -> None:
            over = run.finished
            seen.read(run)
            written = blocks(seen.text)[stable:]
            if over:
                notes()[run.answer] = seen.notes
            if over or seen.understood != understood or sum(map(len, written[:-1])) > FOLD:
                st.rerun()
            draw(seen, written)

        follow()


def draw(seen: RunView, written: list[str]) -> None:
    """The blocks that are not folded yet, the last one still growing, and what is being done."""
    with st.container(key="writing"):
        for block in written:
            st.markdown(safe(block))
    if seen.request:
        canvas(seen.pictures, seen.preview, seen.request)
    doing(seen)


def aloud(run: Run) -> None:
    """Follow a run that only speaks an answer which is there already."""
    seen = RunView()

    @st.fragment(run_every=EVERY)
    def follow() -> None:
        over = run.finished
        seen.read(run)
        if over:
            if run.trouble:
                st.session_state["trouble"] = run.trouble
            st.rerun()
        doing(seen)

    follow()


def doing(seen: RunView) -> None:
    """The small line that says what is happening, while there are no new words to see."""
    stage = seen.doing
    if seen.text and stage.stage in {"start", "chat", "load"} and not seen.speaking:
        return
    said = stage.note.into(language()) or say(
        f"doing_{stage.stage}" if f"doing_{stage.stage}" in WORDS else "doing_start"
    )
    if seen.speaking:
        said = say("doing_speak")
    elif stage.fraction is not None and stage.fraction < 1 and not seen.text:
        said = f"{said.rstrip('.…')}… {stage.fraction:.0%}"
    with st.container(key="doing"):
        st.markdown(literal(said))


def notes() -> dict[int, list[Notice]]:
    """What was said beside answers since the server began, by answer: no part of them, so the store has no place."""
    return _notes(str(parlor().settings.home))


@st.cache_resource(show_spinner=False)
def _notes(home: str) -> dict[int, list[Notice]]:
    return {}
