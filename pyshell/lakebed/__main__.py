"""`python -m lakebed` is `lakebed`."""

import sys

from lakebed._cli.main import main

sys.exit(main())
