"""The models of this machine: what is here, what could be, and what each is doing now."""

from ui.models.page import models_page
from ui.shell.frame import stand

stand()
models_page()
