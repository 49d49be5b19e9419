"""The small store client against the real xenstored: usage: store.py XENSTORED STORE_TOOL"""
import os
import subprocess
import sys
import tempfile
import time

xenstored, tool = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "socket")
    daemon = subprocess.Popen([xenstored, "--no-hypervisor", "--socket", path])
    try:
        end = time.monotonic() + 20
        while not os.path.exists(path):
            assert time.monotonic() < end and daemon.poll() is None, "xenstored did not start"
            time.sleep(0.01)
        subprocess.run([tool], env=dict(os.environ, XENSTORED_PATH=path), check=True, timeout=30)
    finally:
        daemon.terminate()
        daemon.wait(20)
