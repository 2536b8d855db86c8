"""Benchmarks for asv, which measures them commit by commit; docs/measuring.md says how to run them.

asv imports these modules together with the lakebed of each commit, old ones too: they may use only what lakebed has had
for long. `prepared` makes the stores and records.
"""

import sys
from pathlib import Path

# asv adds only this directory to the path; generators and the fake Ollama are elsewhere in the clone.
sys.path.insert(0, str(Path(__file__).parents[2]))
