"""The pages without a browser: every word in both languages, every page alone, settings kept, and untrusted text."""

from __future__ import annotations

import io
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow
from streamlit.testing.v1 import AppTest

from core.app.app import App, make_app, parlor
from core.l10n.tables import languages, table
from core.types.messages import Audio, Image, Message, Reading, Text, TextLine, Transcript
from core.types.provenance import Metrics, Provenance
from ui.chat.actions import details
from ui.common.safe_markdown import blocks, safe
from ui.i18n.words import WORDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The app of this process on an empty data folder, with no model installed."""
    monkeypatch.setenv("PARLOR_HOME", str(tmp_path))
    monkeypatch.setenv("PARLOR_OFFLINE", "1")
    make_app.cache_clear()
    yield parlor()
    parlor().close()
    make_app.cache_clear()


def opened(page: str = "Home.py", **address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / page), default_timeout=30)
    test.query_params.update(address)
    test.run()
    assert not test.exception, test.exception
    return test


def settings() -> AppTest:
    test = opened()
    test.switch_page("pages/Settings.py").run()
    assert not test.exception
    return test


# ── the words ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", WORDS)
def test_every_text_is_in_every_language_with_the_same_facts(key: str) -> None:
    assert WORDS[key]
    for language in languages()[1:]:
        assert table(language).words.get(key), f"core/l10n/{language}.toml lacks the word {key}"
        assert facts(table(language).words[key]) == facts(WORDS[key]), language


def test_no_language_has_words_that_are_no_more() -> None:
    for language in languages():
        assert not table(language).words.keys() - WORDS.keys(), f"left over in core/l10n/{language}.toml"


def facts(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_no_word_is_missing_or_left_over() -> None:
    files = [*ROOT.glob("ui/**/*.py"), *ROOT.glob("pages/*.py")]
    code = "\n".join(file.read_text("utf-8") for file in files if file.parent.name != "i18n")
    assert set(re.findall(r"""say\(["'](\w+)["'][,)]""", code)) <= set(WORDS)
    # the ends of these are values
    built = ("task_", "stage_", "doing_", "s_try_", "s_voice_", "m_task_", "m_add_", "l_", "call_")
    scripts = "\n".join(file.read_text("utf-8") for file in ROOT.glob("ui/**/*.js"))
    left = {key for key in WORDS if not re.search(rf"\b{key}\b", code + scripts) and not key.startswith(built)}
    assert not {key for key in left if not key.endswith("_say")}


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", ["Home.py", "pages/Chat.py", "pages/Call.py", "pages/Models.py", "pages/Settings.py"])
def test_every_page_stands_alone_on_an_empty_data_folder(app: App, page: str) -> None:
    test = opened(page)
    assert test.title


def test_a_conversation_that_is_gone_is_told(app: App) -> None:
    assert "no longer here" in opened(c="nothing").info[0].value


def test_what_is_missing_is_offered(app: App) -> None:
    labels = [button.label for button in opened().button]
    assert any(label.startswith("Get · ") for label in labels)


def test_a_conversation_is_drawn_with_pictures_recordings_and_readings(app: App) -> None:
    id = app.store.create()
    drawn = io.BytesIO()
    Pillow.new("RGB", (3000, 200), "green").save(drawn, "PNG")
    picture = Image(drawn.getvalue(), "image/png")
    asked = (
        picture,
        Image(b"", "image/png"),
        Reading((TextLine("Total 12.50", (0, 0, 9, 9), 0.9),), 10, 10),
        Audio(bytes(3200), 16_000),
        Transcript("How much is it?", "en"),
        Text("And <b>when</b>?"),
    )
    question = app.store.add(id, Message("user", asked), None)
    app.store.add(id, Message("assistant", (Text("It costs **12.50**."),), cut=True), question)
    test = opened(c=id)
    assert [text.value for text in test.text] == ["How much is it?", "And <b>when</b>?"]
    assert any("**12.50**" in block.value for block in test.markdown)
    assert any("ended early" in block.value for block in test.markdown)
    assert any("no longer be shown" in caption.value for caption in test.caption)
    assert test.code[0].value == "Total 12.50"


def test_a_failed_answer_says_why_and_can_be_tried_again(app: App) -> None:
    id = app.store.create()
    test = opened(c="")
    test.chat_input[0].set_value("Hello?").run()
    id = app.store.conversations()[0].id
    run = app.runs.of(id)
    if run:
        run.wait(1 << 60, 30)
    test = opened(c=id)
    assert any("is not installed" in text.value for text in test.text)
    assert any(button.label.startswith("Get · ") for button in test.button)


def test_a_long_conversation_shows_its_end_first(app: App) -> None:
    id, parent = app.store.create(), None
    for number in range(100):
        parent = app.store.add(id, Message("assistant" if number % 2 else "user", (Text(f"message {number}"),)), parent)
    test = opened(c=id)
    assert len([text for text in test.text if text.value.startswith("message")]) == 30
    earlier = next(button for button in test.button if "earlier" in button.label)
    earlier.click().run()
    assert len([text for text in test.text if text.value.startswith("message")]) == 50


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_setting_is_kept_at_once(app: App) -> None:
    test = settings()
    next(slider for slider in test.slider if slider.label == "Temperature").set_value(0.25).run()
    assert tomllib.loads(app.settings.file.read_text("utf-8"))["sampling"]["temperature"] == 0.25


def test_the_language_changes_at_once(app: App) -> None:
    test = settings()
    next(box for box in test.selectbox if box.label == "Language").set_value("zh").run()
    assert test.title[0].value == "设置"
    assert parlor().settings.language == "zh"


def test_the_instructions_are_kept(app: App) -> None:
    test = settings()
    test.text_area[0].set_value("Answer in rhyme.").run()
    assert parlor().settings.instructions == "Answer in rhyme."


# ── models ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SEEING = """
[[model]]
id = "mine"
name = "Mine **bold** :red[hot] <b>$5$</b>"
task = "see"
engine = "llava"
licence = "MIT"
memory_mb = 100
revision = "1"
languages = ["zh", "de", "en", "fr"]

[[model.file]]
name = "model.safetensors"
bytes = 5
sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
sources = []
"""


def models(task: str = "") -> AppTest:
    """The Models page; with another task than Chat, after choosing it."""
    test = opened()
    test.session_state["models_task"] = task or "chat"
    test.switch_page("pages/Models.py").run()
    assert not test.exception
    return test


@pytest.fixture
def seeing(app: App) -> Path:
    """A model that sees, added by the person, with two adapters beside it; returns its folder."""
    folder = app.settings.models / "mine"
    for adapter in ("cats", "dogs"):
        (folder / "adapters" / adapter).mkdir(parents=True)
        (folder / "adapters" / adapter / "adapter_model.safetensors").write_bytes(b"hello")
    (folder / "model.safetensors").write_bytes(b"hello")
    (app.settings.home / "catalogue.toml").write_text(SEEING, "utf-8")
    app.reload()
    return folder


def test_a_models_name_is_shown_as_it_is_written(seeing: Path) -> None:
    shown = next(each.value for each in models("see").markdown if "Mine" in each.value)
    assert shown.startswith(r"**Mine \*\*bold\*\* \:red\[hot\] \<b\>\$5\$\</b\>** ")


def test_a_models_facts_and_the_memory_it_needs_are_told(seeing: Path) -> None:
    told = next(each.value for each in models("see").caption if "German" in each.value or "Chinese" in each.value)
    assert told.startswith("1 kB · English, Chinese \\+2 · MIT · added from this machine")
    assert "0\\.1 GB of memory" in told


def test_an_adapter_is_chosen_where_the_model_is_in_use(seeing: Path) -> None:
    test = models("see")
    box = next(box for box in test.selectbox if box.label == "Adapter in use")
    assert box.options == ["None: the model as it is", "cats", "dogs"]
    box.set_value("dogs").run()
    assert parlor().settings.adapter == "dogs"


def test_another_model_is_taken_into_use(app: App, seeing: Path) -> None:
    other = SEEING.replace('"mine"', '"other"').replace("Mine", "Other")
    (app.settings.home / "catalogue.toml").write_text(SEEING + other, "utf-8")
    (app.settings.models / "other").mkdir()
    (app.settings.models / "other" / "model.safetensors").write_bytes(b"hello")
    app.reload()
    test = models("see")
    assert not [button for button in test.button if button.key == "use-mine"]
    next(button for button in test.button if button.key == "use-other").click().run()
    assert parlor().settings.see == "other"
    assert [button for button in test.button if button.key == "use-mine"]


def test_only_what_is_installed_can_be_shown_and_a_name_found(app: App, seeing: Path) -> None:
    test = models("see")
    next(box for box in test.text_input if box.key == "models_wanted").set_value("smolvlm 256").run()
    assert [button.key for button in test.button if button.key.startswith("get-")] == ["get-smolvlm-256m-instruct"]
    next(box for box in test.text_input if box.key == "models_wanted").set_value("no such").run()
    assert any("No model here is called that" in each.value for each in test.caption)
    next(box for box in test.text_input if box.key == "models_wanted").set_value("").run()
    next(toggle for toggle in test.toggle if toggle.key == "models_only").set_value(True).run()
    assert not [button for button in test.button if button.key.startswith("get-")]


def test_a_task_without_models_says_so(app: App) -> None:
    test = models("paint")
    next(toggle for toggle in test.toggle if toggle.key == "models_only").set_value(True).run()
    assert any("Nothing is installed for this yet" in each.value for each in test.caption)


# ── a model's words ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"so \(a+b\) and \[ c \]", "so $a+b$ and $$ c $$"),
        ("from $5 to $6", r"from \$5 to \$6"),
        ("the root $x^2$ costs $5", r"the root $x^2$ costs \$5"),
        ("![cat](https://a.example/cat.png)", "[cat](https://a.example/cat.png)"),
        ("![](https://a.example/cat.png)", "[image](https://a.example/cat.png)"),
        ("![cat][1]\n\n[1]: https://a.example/x", "!\\[cat][1]\n\n\\[1]: https://a.example/x"),
        ("[go](javascript:alert(1))", "go (javascript:alert(1))"),
        ("[go](https://a.example)", "[go](https://a.example)"),
        ("<javascript:alert(1)>", "javascript:alert(1)"),
        (":red[hot] :material/home:", r"\:red[hot] \:material/home:"),
        ("code `\\(x\\) $5 ![](a)` stays", "code `\\(x\\) $5 ![](a)` stays"),
        ("```\n![](a) $5 $6\n```\n$5 and $6", "```\n![](a) $5 $6\n```\n\\$5 and \\$6"),
        ("Total: 5\nLamps: 2\n\nEnd", "Total: 5  \nLamps: 2\n\nEnd"),
        ("时间 10:30，价格 $5。", r"时间 10:30，价格 \$5。"),
    ],
)
def test_a_models_words_are_made_safe(written: str, shown: str) -> None:
    assert safe(written) == shown


def test_only_the_last_block_of_a_growing_text_changes() -> None:
    text = "# T\n\nOne.\n\n1. a\n\n2. b\n\n   c\n\n```py\nx\n\ny\n```\n\n$$\na\n\nb\n$$\n\n| a |\n|---|\n| b |\n\nEnd."
    whole = blocks(text)
    assert [block.strip()[:3] for block in whole] == ["# T", "One", "1. ", "```", "$$\n", "| a", "End"]
    for length in range(len(text)):
        settled = blocks(text[:length])[:-1]
        assert [block.strip() for block in settled] == [block.strip() for block in whole[: len(settled)]]


def test_the_details_name_model_speed_and_seed(app: App) -> None:
    make_app = Provenance("chat", "some-model", "r1", "ab" * 32, (("temperature", 0.7),), seed=7)
    figures = Metrics((("chat", 1.5),), 0.21, 40, 31.25, 900, 800)
    rows = dict(details(Message("assistant", (Text("x"),), (make_app,), figures)))
    assert rows["Model"] == "some-model (Writing)"
    assert rows["Speed"] == "31.2 tokens/s"
    assert rows["Prompt"] == "900 tokens, 800 reused"
    assert rows["Seed"] == "7"
    assert rows["sha256"] == "abababababababab"
