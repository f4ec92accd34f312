"""Services: what turns, calls and whoever else answers are run with. ``App`` makes them and hands them on."""

from __future__ import annotations

from dataclasses import dataclass

from core.catalogue.spec import Catalogue
from core.pipeline.model_choice import choose
from core.pipeline.model_choice import sampling as sampling_of
from core.pipeline.route import Choice
from core.runtime.pool import Pool
from core.settings import Settings
from core.store.store import Store
from core.types.generation import Sampling


@dataclass(slots=True)
class Services:
    """The conversations, the models, and the settings and catalogue that hold now: both values are replaced whole."""

    settings: Settings
    catalogue: Catalogue
    store: Store
    pool: Pool

    def choice(self) -> Choice:
        """The models of the next turn. Raises BadInput for a chosen model that is not in the catalogue."""
        return choose(self.catalogue, self.settings)

    def sampling(self) -> Sampling:
        """How the next answer is sampled, with a fresh seed."""
        return sampling_of(self.settings)
