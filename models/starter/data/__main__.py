import sys

from models.starter.data.build import main

sys.exit(main())
