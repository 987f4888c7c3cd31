"""``python -m encnet``: the command line."""

import sys

from encnet.cli import main

sys.exit(main())
