"""Files and texts that cannot be used, or only just: told clearly, the typed words kept, the conversation intact."""

from __future__ import annotations

import io
import re
import wave

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from playwright.sync_api import Page, expect

from tests.support.browser import answered, answers, conversation, said, send, settle, visit
from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.models]

ORIENTATION = 0x0112  # Exif
QUARTER_TURN = 6  # held upright, the camera lay on its side


def saved(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def cut_short() -> bytes:
    noise = Pillow.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8))
    return saved(noise, "PNG")[:5000]


def huge() -> bytes:
    return saved(Pillow.new("1", (10_000, 10_000)), "PNG")


def empty_recording() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
    return file.getvalue()


def two_hours() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        second = np.zeros((1, 8_000), np.int16)
        for at in range(7_200):
            frame = av.AudioFrame.from_ndarray(second, "s16", "mono")
            frame.sample_rate, frame.pts = 8_000, at * 8_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def attach(page: Page, name: str, data: bytes) -> None:
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data}]
    )
    page.get_by_text(name).wait_for()


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("cut.png", cut_short, "not a whole picture"),
        ("huge.png", huge, "10000 x 10000 pixels (100 megapixels)"),
        ("empty.wav", empty_recording, "no sound"),
        ("lecture.flac", two_hours, "longer than 60 minutes"),
        ("letter.docx", lambda: b"PK\x03\x04" + bytes(400), "neither a picture nor a recording nor a text"),
        ("letter.wav", lambda: b"Dear Anna, this is no recording at all.\n" * 20, "not a recording"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_lost(
    app: Served, page: Page, name: str, make: object, told: str
) -> None:
    id = said(app.store(), "Hello?", "Hello.")
    visit(page, f"{app.url}/?c={id}")
    attach(page, name, make())  # type: ignore[operator]
    send(page, "What do you make of it?")
    trouble = page.locator('[class*="st-key-trouble-box"]')
    expect(trouble).to_contain_text(name)
    expect(trouble).to_contain_text(told)
    expect(page.get_by_test_id("stChatInputTextArea")).to_have_value("What do you make of it?")
    assert answers(page) == ["Hello."]
    assert len(app.store().nodes(id)) == 2
    page.locator('[data-testid="stChatInputSubmitButton"]:enabled').click()
    expect(page.locator('[class*="st-key-bubble-"]')).to_have_count(2)
    expect(trouble).to_have_count(0)
    answered(page)


def test_what_could_be_used_beside_it_is_kept_for_the_next_message(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(
        [
            {"name": "good.png", "mimeType": "image/png", "buffer": saved(Pillow.new("RGB", (60, 40), "red"), "PNG")},
            {"name": "cut.png", "mimeType": "image/png", "buffer": cut_short()},
        ]
    )
    send(page, "Which colour?")
    page.get_by_text("Kept for your next message").wait_for()
    page.locator('[data-testid="stChatInputSubmitButton"]:enabled').click()
    page.locator('[class*="st-key-shown-"] img').wait_for()
    answered(page)
    assert len(list(app.store().path(conversation(page))[0].message.images)) == 1


def test_of_an_animation_the_first_picture_is_used(app: Served, page: Page) -> None:
    frames = [Pillow.new("RGB", (120, 80), colour) for colour in ("red", "green", "blue")]
    visit(page, app.url)
    attach(page, "moving.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    send(page, "What is this?")
    page.locator('[class*="st-key-shown-"] img').wait_for()
    answered(page)
    (image,) = app.store().path(conversation(page))[0].message.images
    with Pillow.open(io.BytesIO(image.data)) as kept:
        assert kept.size == (120, 80)
        assert kept.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_a_photograph_taken_with_the_phone_upright_is_shown_upright(app: Served, page: Page) -> None:
    exif = Pillow.Exif()
    exif[ORIENTATION] = QUARTER_TURN
    visit(page, app.url)
    attach(page, "photo.jpg", saved(Pillow.new("RGB", (400, 200), "teal"), "JPEG", exif=exif))
    send(page, "What is this?")
    shown = page.locator('[class*="st-key-shown-"] img')
    shown.wait_for()
    answered(page)
    assert shown.evaluate("(image) => image.decode().then(() => image.naturalHeight / image.naturalWidth)") == 2


def test_a_megabyte_of_pasted_text_is_kept_and_the_conversation_goes_on(app: Served, page: Page) -> None:
    visit(page, app.url)
    page.get_by_test_id("stChatInputTextArea").evaluate(
        """(box) => {
          const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
          set.call(box, 'lorem ipsum '.repeat(87382));
          box.dispatchEvent(new Event('input', {bubbles: true}));
        }"""
    )
    page.get_by_test_id("stChatInputTextArea").press("Enter")
    page.locator('[class*="st-key-bubble-"]').wait_for()
    failed = page.locator('[class*="st-key-trouble-"]')
    expect(failed).to_contain_text(re.compile("too long|does not fit|longer than"))
    settle(page)
    page.locator('[class*="st-key-you-"]').get_by_text("Show all of it").wait_for()
    assert len(app.store().path(conversation(page))[0].message.text) >= 1_000_000
    send(page, "Say hello.")
    expect(page.locator('[class*="st-key-you-"]')).to_have_count(2)
    answered(page)
    answer = app.store().path(conversation(page))[-1]
    assert not answer.trouble
    assert answer.message.text
    note = page.locator('[class*="st-key-note-"]')
    expect(note).to_contain_text("oldest")
    page.reload()
    expect(note).to_contain_text("oldest")
