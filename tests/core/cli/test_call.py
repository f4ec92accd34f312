"""The command ``call``: a recording is fed into a call, and the reply is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.app.app import App
from core.media.audio import wav
from core.settings import load
from core.types.messages import Audio
from tests.sound.talk import spoken, talk
from tests.support.held_call import CALM, FRANCE

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def say(models_home: Path) -> Callable[[str], Audio]:
    return lambda text: spoken(models_home, text)[0]


def command(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "core.cli", "call", *map(str, arguments), "--chat", "smollm2-135m-instruct"]
    return subprocess.run(words, cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False)


def environment(home: Path) -> dict[str, str]:
    own = {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "PARLOR_HOME": str(home), "PARLOR_OPENERS": "0"}
    return os.environ | own | CALM


def test_the_command_feeds_a_recording_and_writes_the_reply(
    home: Path, tmp_path: Path, say: Callable[[str], Audio]
) -> None:
    file, reply = tmp_path / "talk.wav", tmp_path / "reply.wav"
    file.write_bytes(wav(talk(0.5, say(FRANCE), 1.0)))
    done = command(home, "--audio", file, "--out", reply, "--json", "--fast")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[-1]["event"] == "call"
    assert told[-1]["answers"] == 1
    assert any(event["event"] == "timed" and event["total"] > 0 for event in told)
    assert reply.stat().st_size > 100_000


def test_the_command_refuses_what_is_no_recording(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(b"RIFF and nothing more")
    done = command(home, "--audio", file)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_app_that_is_killed_in_mid_sentence_finds_the_recording_again(
    home: Path, tmp_path: Path, say: Callable[[str], Audio]
) -> None:
    long = "I would like to tell you everything about the lighthouse where my grandfather worked for thirty years"
    file = tmp_path / "talk.wav"
    file.write_bytes(wav(talk(0.5, say(long))))
    words = [sys.executable, "-m", "core.cli", "call", "--audio", str(file)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=ROOT, env=environment(home), stdout=quiet, stderr=quiet)
    while sum(file.stat().st_size for file in (home / "calls").glob("*.pcm")) < 32_000:  # a second of it
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    app = App(load({"PARLOR_HOME": str(home)}))
    assert app.calls.recovered == 1
    [conversation] = app.store.conversations()
    [node] = app.store.path(conversation.id)
    [sound] = node.message.parts
    assert isinstance(sound, Audio)
    assert sound.seconds > 0.5
    app.close()
