import sys

from models.starter.train.stages import main

sys.exit(main())
