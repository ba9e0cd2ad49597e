"""Python imports this module at its start: simulates Windows in worker processes."""

import os
import sys

if os.environ.get("SIMULATE_WINDOWS") and "--multiprocessing-fork" in sys.orig_argv:
    from tests.helpers.windows import simulate

    simulate()
