"""``python -m core.cli``: Parlor without a browser."""

import sys

from core.cli.main import main

sys.exit(main())
