# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the worker. stdin and stdout are claimed before anything else can print or read.

`python -m models.worker`, or, as Blender does, `python -I models/worker/__main__.py [--packages=FOLDER ...]
[--libraries=FOLDER]`: an isolated Python looks for packages in no folder but its own, so this file tells it where the
generator lies, and the arguments where Blender unpacked the packages that it needs.
"""

import os
import sys
from pathlib import Path

PACKAGES, LIBRARIES = "--packages=", "--libraries="

if __name__ == "__main__" and not __package__:
    folders = [item.removeprefix(PACKAGES) for item in sys.argv[1:] if item.startswith(PACKAGES)]
    # After Python's own library, before the packages that come with it, which may be other versions.
    at = next((i for i, path in enumerate(sys.path) if path.endswith("-packages")), len(sys.path))
    sys.path[at:at] = folders
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.platform == "win32":  # what Blender's program finds beside itself its Python does not
        for item in sys.argv[1:]:
            if item.startswith(LIBRARIES):
                os.add_dll_directory(item.removeprefix(LIBRARIES))

from models.worker.channel import claim_standard_streams

if __name__ == "__main__":
    channel = claim_standard_streams()

    from models.machine import prepare_process
    from models.worker.server import Worker

    prepare_process()
    Worker(channel).run()
