"""Conversations as Markdown: it reads like one, keeps any text, and comes back; harmful archives are refused."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from core.errors import BadInput
from core.store.export import from_markdown, to_markdown
from core.store.store import Store
from core.types.messages import Message, Reading, Text, TextLine, Transcript
from tests.core.store.exported import PHOTO, RECORDING, SCREEN, TRICKY, answer, messages, packed, say, user


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "text", ["你好", TRICKY, "", "\n\n", " x \n", "# h\n", "```\n## User\nnever closed", "a\r\nb", "> q"]
)
def test_markdown_keeps_any_text_exactly(store: Store, text: str, language: str) -> None:
    said = [
        user(Text(text)),
        answer(Text("ok")),
        user(Text("x"), Text(text), Text(text)),
        Message("assistant", (), cut=True),
        Message("assistant", (Text(text),), cut=True),
    ]
    conversation = say(store, *said, title="标题 # one --> two")
    data = to_markdown(store, conversation, language)
    copy = from_markdown(store, data, "ignored.md")
    assert messages(store, copy) == said
    found = store.conversation(copy)
    assert found is not None
    assert found.title == "标题 # one --> two"


def test_markdown_reads_like_a_conversation(store: Store) -> None:
    text = to_markdown(store, say(store, user(Text("你好")), answer(Text("Hello!")), title="Greeting"), "zh").decode()
    lines = [line.partition(" <!--")[0] for line in text.splitlines() if line]
    assert lines == ["# Greeting", "## 用户", "你好", "## 助手", "Hello!"]


def test_markdown_with_media_is_a_zip_that_comes_back(store: Store, elsewhere: Store) -> None:
    heard, read = Transcript("今天天气\n怎么样？", "zh"), Reading((TextLine("设置", (0, 0, 0, 0), 1.0),), 12, 8)
    said = [user(PHOTO, read, Text("Look"), RECORDING, heard), answer(Text("见 ![](media/x.png)"), RECORDING, SCREEN)]
    data = to_markdown(store, say(store, *said))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert "conversation.md" in archive.namelist()
        assert len(archive.namelist()) == 4
    assert messages(elsewhere, from_markdown(elsewhere, data, "c.zip")) == said


def test_markdown_of_an_edited_conversation_has_the_selected_branch(store: Store) -> None:
    conversation = say(store, user(Text("first")), answer(Text("one")), title="T")
    store.add(conversation, user(Text("edited")), None)
    assert b"edited" in to_markdown(store, conversation)
    assert b"first" not in to_markdown(store, conversation)


PLAIN = """# 旅行计划

Exported from somewhere.

## User

Where to go?

```md
## Assistant
not a heading
```

### **Assistant:**

Hangzhou.

## Day one
West Lake.

## 用户：
多少钱？
## 助手
不多。
"""


def test_plain_markdown_is_cut_at_its_headings(store: Store) -> None:
    copy = from_markdown(store, PLAIN.replace("\n", "\r\n").encode(), "trip.md")
    question, reply, more, last = messages(store, copy)
    assert question == user(Text("Where to go?\n\n```md\n## Assistant\nnot a heading\n```"))
    assert reply == answer(Text("Hangzhou.\n\n## Day one\nWest Lake."))
    assert (more, last) == (user(Text("多少钱？")), answer(Text("不多。")))
    assert store.conversations()[0].title == "旅行计划"


def test_plain_markdown_without_a_title_takes_the_file_name(store: Store) -> None:
    from_markdown(store, b"## User\nhi\n", "C:\\docs\\my chat v1.2.md")
    assert store.conversations()[0].title == "my chat v1.2"


def test_markdown_without_any_speaker_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="User"):
        from_markdown(store, b"# Just notes\n\nand words\n", "notes.md")


def linking(name: str) -> bytes:
    head = "# T <!-- parlor 1 0123abcd -->\n\n## U <!-- 0123abcd user -->\n\n"
    return f"{head}<!-- 0123abcd image image/png -->\n![]({name})\n".encode()


DIGEST = hashlib.sha256(SCREEN.data).hexdigest()


@pytest.mark.parametrize(
    "data",
    [
        packed({"other.md": b"## User\nhi"}),
        packed({"conversation.md": linking("../../../etc/passwd")}),
        packed({"conversation.md": linking("media/../secret.png"), "media/../secret.png": SCREEN.data}),
        packed({"conversation.md": linking(f"media/{DIGEST}.png")}),
        packed({"conversation.md": linking(f"media/{DIGEST}.png"), f"media/{DIGEST}.png": b"something else"}),
        packed(
            {"conversation.md": linking(f"media/{DIGEST}.png"), f"media/{DIGEST}.png": SCREEN.data}, zipfile.ZIP_LZMA
        ),
        packed({"conversation.md": b" " * (65 * 2**20)}),
        packed({str(number): b"" for number in range(10_001)}, zipfile.ZIP_STORED),
        packed({"conversation.md": linking(f"media/{DIGEST}.png"), f"media/{DIGEST}.png": SCREEN.data})[:-30],
        linking(f"media/{DIGEST}.png"),
        linking("x").replace(b"parlor 1", b"parlor 2"),
        linking("x").replace(b"image image/png", b"hologram"),
    ],
    ids=range(12),
)
def test_a_harmful_or_broken_zip_is_refused(store: Store, tmp_path: Path, data: bytes) -> None:
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(BadInput):
        from_markdown(store, data, "x.zip")
    assert store.conversations() == []
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == before
