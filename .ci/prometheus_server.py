"""A Prometheus on loopback over a folder of blocks, for as long as something asks it."""

import contextlib
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

PORT = 19095


def wait(address):
    # Whether it is ready is no secret.
    anyone = ssl._create_unverified_context()
    for _ in range(60):
        try:
            urllib.request.urlopen(f"{address}/-/ready", timeout=2, context=anyone)
            return
        except OSError:
            time.sleep(0.5)
    sys.exit("Prometheus did not become ready")


@contextlib.contextmanager
def serving(prometheus, data, web_config=None):
    """Its address; with a web configuration it speaks TLS."""
    address = f"{'https' if web_config else 'http'}://localhost:{PORT}"
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("global: {}\n")
        config.flush()
        arguments = [f"--config.file={config.name}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
                     f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=error"]
        arguments += [f"--web.config.file={web_config}"] if web_config else []
        server = subprocess.Popen([prometheus, *arguments])
        try:
            wait(address)
            yield address
        finally:
            server.terminate()
            server.wait()
