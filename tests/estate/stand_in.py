"""An AWS stand-in of our own, started and stopped here, that checks signatures, IAM policies and resource policies."""

import os
import subprocess
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import boto3
from template import ROOT

# It starts in a second on an idle machine.
PATIENCE_S = 60
# What it would open besides, on every address of the machine.
LISTENERS_OFF = {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
REGION = "us-east-1"
ACCOUNT = "000000000000"


@contextmanager
def running(port):
    """Its address, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **LISTENERS_OFF, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "AUTH": "true", "STATE_DIR": folder}
        with open(Path(folder, "log"), "w+") as log:
            server = subprocess.Popen([ROOT / "target/venv/bin/ministack"], env=environment, cwd=folder, stdout=log, stderr=log)
            try:
                endpoint = f"http://127.0.0.1:{port}"
                wait(server, endpoint, log)
                yield endpoint
            finally:
                server.terminate()
                server.wait(10)


def wait(server, endpoint, log):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise SystemExit(f"{endpoint} does not answer:\n{log.read()[-2000:]}") from None
            time.sleep(0.1)


def client(endpoint, service, key=("test", "test"), tls=True):
    """A client as this key; with `tls` the stand-in takes its calls for encrypted ones, as a proxy with TLS before it would say."""
    made = boto3.client(service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=key[0], aws_secret_access_key=key[1])
    if tls:
        made.meta.events.register("before-send", lambda request, **_: request.headers.__setitem__("x-forwarded-proto", "https"))
    return made
