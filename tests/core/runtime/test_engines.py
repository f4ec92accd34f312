"""Remote engines: typed calls for every promise of every protocol."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from core.runtime import engines, protocols
from core.runtime.engines import RemoteChat
from core.runtime.pool import Pool
from core.runtime.worker import EngineCall
from core.settings import MemorySettings, Settings
from core.types.events import Progress, Tick
from core.types.generation import Sampling, Usage
from tests.support.leases import HELLO, chat_model, taken

PROTOCOLS = [
    each
    for each in vars(protocols).values()
    if getattr(each, "_is_protocol", False) and each.__module__ == protocols.__name__
]


def promises(protocol: type) -> dict[str, Any]:
    """The methods of ``protocol`` but ``close``: an engine is closed by ending its process."""
    found = inspect.getmembers(protocol, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_") and name != "close"}


def test_there_are_as_many_proxies_as_protocols() -> None:
    remote = {name for name in vars(engines) if name.startswith("Remote")}
    assert remote == {f"Remote{protocol.__name__}" for protocol in PROTOCOLS}
    assert len(PROTOCOLS) == 8


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_every_promise_of_a_protocol_has_its_proxy_with_the_same_parameters_and_items(protocol: type) -> None:
    proxy = getattr(engines, f"Remote{protocol.__name__}")
    assert promises(proxy).keys() == promises(protocol).keys()
    for name, method in promises(protocol).items():
        ours = getattr(proxy, name)
        assert inspect.signature(ours).parameters == inspect.signature(method).parameters
        (item,) = get_type_hints(method)["return"].__args__
        assert get_type_hints(ours)["return"] == EngineCall[item]


def test_a_typed_call_streams_what_the_engine_says(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, memory=MemorySettings(ram_gb=2), threads=1)
    pool = Pool(settings)
    try:
        lease, _ = taken(pool.use(chat_model(settings, "a")))
        with lease as worker, RemoteChat(worker).reply(HELLO, Sampling(max_tokens=4, seed=1)) as call:
            said = [item for item in call if not isinstance(item, Tick | Progress)]
    finally:
        pool.close()
    assert all(isinstance(item, str) for item in said[:-1])
    assert isinstance(said[-1], Usage)
