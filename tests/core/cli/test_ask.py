"""``start.py ask``: one turn without a browser, with the real starter models."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.settings import load
from core.store.store import Store
from tests.support.screens import invoice

ROOT = Path(__file__).parents[3]
SMALL = ("--chat", "smollm2-135m-instruct")
pytestmark = pytest.mark.models


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "core.cli", "ask", *map(str, arguments)]


def ask(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    return subprocess.run(
        command(*arguments), cwd=cwd or ROOT, env=environment, capture_output=True, text=True, check=False
    )


def events(finished: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_an_english_question_is_answered(home: Path) -> None:
    answer = ask("What is the capital of France? One word.", "--seed", "1")
    assert answer.returncode == 0, answer.stderr
    assert "Paris" in answer.stdout


def test_a_chinese_question_is_answered_in_chinese(home: Path) -> None:
    assert "巴黎" in ask("法国的首都是哪里？", "--seed", "1").stdout


def test_json_tells_every_event_and_what_made_the_answer(home: Path) -> None:
    told = events(ask("Say hello.", *SMALL, "--json", "--seed", "7", "--max-tokens", "12"))
    done = told[-1]
    assert {event["event"] for event in told} <= {"progress", "notice", "delta", "done"}
    assert "".join(event["text"] for event in told if event["event"] == "delta") == done["text"] != ""
    made = done["made_by"]
    assert (made["model"], made["seed"], made["settings"]["max_tokens"]) == ("smollm2-135m-instruct", 7, 12)
    assert len(made["sha256"]) == 64
    assert done["seconds"]["chat"] > 0
    assert done["tokens_per_second"] > 0
    assert done["first_token_seconds"] > 0


def test_the_same_seed_gives_the_same_answer(home: Path) -> None:
    arguments = ("Write a line about the sea.", *SMALL, "--seed", "5", "--max-tokens", "24")
    assert ask(*arguments).stdout == ask(*arguments).stdout != ask(*arguments[:-3], "6", *arguments[-2:]).stdout


def test_a_conversation_goes_on_where_it_was(home: Path) -> None:
    ask("My cat is called Miso. Just say OK.", "--conversation", "cats", "--seed", "1")
    assert "Miso" in ask("What is my cat called?", "--conversation", "cats", "--seed", "1").stdout
    settings = load()
    store = Store(settings.database, settings.media)
    assert [node.message.role for node in store.path("cats")] == ["user", "assistant"] * 2
    store.close()


def test_what_is_spoken_is_heard_and_answered(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "question.wav"
    ask("Repeat exactly this sentence: What is the capital of France?", "--speak", out, "--seed", "1")
    told = events(ask("--audio", out, "--json", "--seed", "1"))
    heard = next(event for event in told if event["event"] == "heard")
    assert "capital of France" in heard["text"]
    assert heard["language"] == "en"
    assert "Paris" in told[-1]["text"]
    assert [entry["stage"] for entry in told[-1]["made_by"]["with"]] == ["listen"]


def test_the_spoken_answer_is_a_wav_file_with_a_sound_event_for_every_piece(home: Path, tmp_path: Path) -> None:
    told = events(ask("Count from one to five.", "--speak", tmp_path / "a.wav", "--json", "--max-tokens", "40"))
    sounds = [event for event in told if event["event"] == "sound"]
    with wave.open(str(tmp_path / "a.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    assert sounds
    assert seconds == pytest.approx(sum(sound["audio_seconds"] for sound in sounds), abs=0.05)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_errors_are_one_line_in_the_persons_language(home: Path, tmp_path: Path, language: str) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    failed = ask("What is this?", "--image", tmp_path / "broken.png", "--lang", language)
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "broken.png" in failed.stderr
    assert ("图片" in failed.stderr) == (language == "zh")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("hello", "--image", "nowhere.png"), 2),
        (("hello", "--audio", "nowhere.wav"), 2),
        (("hello", "--chat", "no-such-model"), 2),
        (("hello", "--speak", "nowhere/out.wav"), 2),
        (("hello", "--max-tokens", "0"), 2),
        (("hello", "--max-tokens", "many"), 2),
        (("hello", "--lang", "fr"), 2),
        (("hello", "--unheard-of"), 2),
        ((), 2),
        (("draw me a cat", "--painter", "sd-turbo"), 3),
        (("a cat", "--draw", "--painter", "sd-turbo"), 3),
    ],
)
def test_every_kind_of_failure_has_its_exit_status(home: Path, arguments: tuple[str, ...], status: int) -> None:
    failed = ask(*arguments)
    assert failed.returncode == status, failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "Traceback" not in failed.stderr


def test_a_missing_model_is_named_with_its_size_and_the_command_that_gets_it(home: Path) -> None:
    (home / "models" / "smollm2-135m-instruct").unlink()
    failed = ask("hello", *SMALL)
    assert failed.returncode == 3
    assert "98 MB" in failed.stderr
    assert "python start.py models get smollm2-135m-instruct" in failed.stderr


def test_too_little_memory_is_exit_status_4(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLOR_MEMORY_GB", "0.05")
    failed = ask("hello", *SMALL)
    assert failed.returncode == 4
    assert "0.1 GB" in failed.stderr or "0.05" in failed.stderr


def test_a_damaged_model_is_told_in_one_line(home: Path) -> None:
    folder = home / "models" / "smollm2-135m-instruct"
    size = (folder / "model.gguf").stat().st_size
    folder.unlink()
    folder.mkdir()
    with (folder / "model.gguf").open("wb") as file:
        file.truncate(size)
    failed = ask("hello", *SMALL)
    assert failed.returncode == 1
    assert "models verify" in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_ctrl_c_stops_keeps_what_was_said_and_leaves_no_process(home: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it
    asked = subprocess.Popen(
        command("Tell me a very long story.", *SMALL, "--max-tokens", "2000", "--conversation", "story"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert asked.stdout is not None
    assert asked.stdout.read(20)
    os.killpg(asked.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    _, errors = asked.communicate(timeout=20)
    assert asked.returncode == 130
    assert errors == ""
    settings = load()
    store = Store(settings.database, settings.media)
    answer = store.path("story")[-1].message
    store.close()
    assert answer.cut
    assert len(answer.text) >= 20


def test_killing_ask_leaves_no_worker(home: Path) -> None:
    import psutil

    asked = subprocess.Popen(
        command("Tell me a very long story.", *SMALL, "--max-tokens", "2000"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asked.stdout is not None
    assert asked.stdout.read(5)
    workers = psutil.Process(asked.pid).children(recursive=True)
    assert workers
    asked.kill()
    asked.communicate(timeout=10)
    until = time.monotonic() + 10
    while any(worker.is_running() for worker in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [("en", "What is the total amount due?", "729"), ("zh", "发票的价税合计是多少？", "686.48")],
)
def test_an_invoice_is_answered_from_its_words(
    home: Path, tmp_path: Path, language: str, question: str, answer: str
) -> None:
    picture = tmp_path / "invoice.png"
    picture.write_bytes(invoice(language).image.data)
    done = events(ask(question, "--image", picture, "--json", "--seed", "1"))[-1]
    assert answer in done["text"]
    assert [entry["stage"] for entry in done["made_by"]["with"]] == ["read"]


@pytest.mark.parametrize(
    ("wish", "question", "colour", "lang"),
    [
        ("a key on a blue background", "What colour is the background?", "blue", "en"),
        ("黄色背景上的一个钥匙", "背景是什么颜色？", "黄色", "zh"),
    ],
)
def test_the_starter_set_draws_and_sees_what_it_drew(
    home: Path, tmp_path: Path, wish: str, question: str, colour: str, lang: str
) -> None:
    out = tmp_path / "drawn.png"
    drawn = events(ask(wish, "--draw", "--out", out, "--seed", "3", "--json", "--lang", lang))
    assert drawn[-1]["made_by"]["model"] == "starter-brush"
    with Image.open(out) as picture:
        assert picture.size == (64, 64)
    seen = events(ask(question, "--image", out, "--json", "--lang", lang))
    assert seen[-1]["made_by"]["model"] == "starter-eyes"
    assert colour in seen[-1]["text"].lower()
    for told, name in ((drawn, "starter brush"), (seen, "starter eyes")):
        assert any(name in event["note"] for event in told if event["event"] == "notice")


@pytest.mark.parametrize(
    ("wish", "words", "lang", "word", "use"),
    [
        (
            "a key on a blue background",
            "Tell me in one sentence what I could use this for.",
            "en",
            "key",
            r"key|lock|door",
        ),
        ("黄色背景上的一个钥匙", "用一句话告诉我它能用来做什么。", "zh", "钥匙", "钥匙|锁|门"),
    ],
)
def test_the_chat_model_is_told_what_the_starter_eyes_see(
    home: Path, tmp_path: Path, wish: str, words: str, lang: str, word: str, use: str
) -> None:
    out = tmp_path / "drawn.png"
    events(ask(wish, "--draw", "--out", out, "--seed", "3", "--json", "--lang", lang))
    told = events(ask(words, "--image", out, "--json", "--lang", lang, "--seed", "1"))
    made = told[-1]["made_by"]
    assert made["model"] == "qwen2.5-coder-1.5b-instruct"
    [look] = [entry for entry in made["with"] if entry["stage"] == "look"]
    assert word in look["settings"]["seen"].lower()
    assert re.search(use, told[-1]["text"].lower())
    assert any("starter eyes" in event["note"] for event in told if event["event"] == "notice")
