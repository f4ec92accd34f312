"""What a voice does in a process of its own, where nothing else has imported anything."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

from core.catalogue.spec import ModelSpec

_CODE = """
import importlib, json, pickle, sys

spec, folder, texts = pickle.load(sys.stdin.buffer)
engine = importlib.import_module(f"models.{spec.engine}").load(spec, folder)
loaded = set(sys.modules)
lengths = [sum(audio.seconds for audio in engine.speak(text)) for text in texts]
print("\\n" + json.dumps([lengths, sorted(set(sys.modules) - loaded)]))
"""


def imported_by_speaking(spec: ModelSpec, folder: Path, *texts: str) -> list[str]:
    """The modules that a fresh process imports after it has loaded the voice, while it says ``texts``, each audibly."""
    given = pickle.dumps((spec, folder, texts))
    done = subprocess.run([sys.executable, "-c", _CODE], input=given, capture_output=True)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    lengths, modules = json.loads(done.stdout.splitlines()[-1])
    assert all(seconds > 0.1 for seconds in lengths)
    found: list[str] = modules
    return found
