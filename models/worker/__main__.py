# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the worker. stdin and stdout are claimed before anything else can print or read.

`python -m models.worker`, or, as Blender does, `python -I models/worker/__main__.py`: an isolated Python looks for
packages in no folder but its own, so this file tells it where the generator lies.
"""

import sys
from pathlib import Path

if __name__ == "__main__" and not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from models.worker.channel import claim_standard_streams

if __name__ == "__main__":
    channel = claim_standard_streams()

    from models.machine import prepare_process
    from models.worker.server import Worker

    prepare_process()
    Worker(channel).run()
