# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the worker. stdin and stdout are claimed before anything else can print or read."""

from models.worker.channel import claim_standard_streams

if __name__ == "__main__":
    channel = claim_standard_streams()

    from models.worker.machine import prepare_process
    from models.worker.server import Worker

    prepare_process()
    Worker(channel).run()
