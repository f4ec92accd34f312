"""The models of this machine: what is here, what could be, and what each is doing now."""

from ui.models import models_page
from ui.shell import stand

stand()
models_page()
