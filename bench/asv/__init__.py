"""What a user feels, measured commit by commit with asv: docs/measuring.md says how to run it and where to look.

asv imports these modules beside the benchmarked commit's lakebed, old ones too: they use what lakebed has long had. What they
work on is made by `prepared`.
"""

import sys
from pathlib import Path

# asv knows this directory alone; the generators and the fake Ollama are in the clone around it.
sys.path.insert(0, str(Path(__file__).parents[2]))
