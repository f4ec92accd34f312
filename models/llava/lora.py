"""LoRA adapters of one model: small weights beside its own, switched between two answers without loading it again.

LoRA: https://arxiv.org/abs/2106.09685; the folders are PEFT's (``adapter_config.json``, ``adapter_model.safetensors``).
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open

from core.errors import BadInput, EngineFailed
from core.l10n.text import l10n, listed

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SEEING = ("vision", "projector", "image_newline")  # in the names of weights that change what a picture looks like


class Adapters:
    """Those in ``folder``, one subfolder each, for ``model``. Each is loaded when it is first used, and stays."""

    def __init__(self, model: Any, folder: Path) -> None:
        self._model = model
        self._folder = folder
        self._loaded: dict[str, bool] = {}  # whether it changes what pictures look like
        self._used = ""

    def names(self) -> list[str]:
        """What there is to choose from."""
        return sorted(
            path.parent.name for path in self._folder.glob(f"*/{WEIGHTS}") if path.with_name(CONFIG).is_file()
        )

    def use(self, name: str) -> None:
        """Compute with this adapter from now on, or with none when ``name`` is empty.

        Raises BadInput when there is no such adapter, EngineFailed when it does not fit the model or is damaged.
        """
        if name == self._used:
            return
        if name and name not in self._loaded:
            try:
                self._load(name)
            except BaseException:  # half of it may be in the model, and in force
                self._drop(name)
                raise
        self._apply(name)
        self._used = name

    @property
    def seeing(self) -> str:
        """The adapter in use if it changes what pictures look like, else empty."""
        return self._used if self._loaded.get(self._used) else ""

    def _apply(self, name: str) -> None:
        if name:
            self._model.enable_adapters()
            self._model.set_adapter(name)
        else:
            self._model.disable_adapters()

    def _drop(self, name: str) -> None:
        """Take out what is left of an adapter whose loading failed, and go on with the one in use."""
        with warnings.catch_warnings():  # that it was in force
            warnings.filterwarnings("ignore", "Adapter .* was active which is now deleted", UserWarning)
            for module in self._model.modules():
                if isinstance(module, BaseTunerLayer):
                    module.delete_adapter(name)
            if name in getattr(self._model, "peft_config", {}):  # put there at the end of an injection
                self._model.delete_adapter(name)
        if self._loaded:
            self._apply(self._used)

    def _load(self, name: str) -> None:
        if name not in self.names():
            raise _unknown(name, self.names())
        folder = self._folder / name
        try:
            with safe_open(folder / WEIGHTS, "pt") as file:
                weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 — no mapping
            config = peft.PeftConfig.from_pretrained(str(folder), local_files_only=True)
            config.inference_mode = True
            with warnings.catch_warnings():  # that there is another adapter already, as there is meant to be
                warnings.filterwarnings("ignore", "Already found a `peft_config` attribute", UserWarning)
                self._model.load_adapter(adapter_name=name, peft_config=config, adapter_state_dict=weights)
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise EngineFailed(
                l10n(
                    "The adapter {name} cannot be used with this model ({error}). Choose another one, or none.",
                    name=name,
                    error=error,
                )
            ) from error
        self._model.eval()
        self._loaded[name] = any(part in key for key in weights for part in SEEING)


def _unknown(name: str, known: list[str]) -> BadInput:
    if not known:
        return BadInput(
            l10n(
                "There is no adapter called {name!r}: this model has none. It belongs in the model's adapters folder.",
                name=name,
            )
        )
    return BadInput(
        l10n("There is no adapter called {name!r}. This model has: {known}.", name=name, known=listed(known))
    )
