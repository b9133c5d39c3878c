"""Whether `backend scale` gives a stream the shards that its load needs: it runs the program, and boto3 counts the shards.

Starts kinesis-local, which splits and merges shards and knows most limits, and ministack's CloudWatch, where the load is planted.
"""

import argparse
import datetime
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from streams import ROOT, client, until

EVENTS, ON_DEMAND, IDLE = "pulso-g1-events", "pulso-g1-interactions", "pulso-ge-events"
TAG = "pulso:scaled"
SHARDS_MAX = 12


class World:
    """Both servers, and what is in them."""

    def __init__(self, port, folder):
        modules = ROOT / "node_modules"
        self.urls = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"]
        kinesis = {
            "KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(port + 2),
            "KINESIS_MOCK_CERT_PATH": str(modules / "kinesis-local/server.json"), "SHARD_LIMIT": str(SHARDS_MAX), "LOG_LEVEL": "ERROR",
            "UPDATE_SHARD_COUNT_DURATION": "200ms", "CREATE_STREAM_DURATION": "50ms",
        }
        cloudwatch = {
            "GATEWAY_PORT": str(port + 1), "BIND_HOST": "127.0.0.1", "SERVICES": "monitoring", "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0", "STATE_DIR": str(folder),
        }
        commands = [
            ([modules / ".bin/node", "--require", ROOT / "tests/stand_in/loopback.cjs", modules / "kinesis-local/main.js"], kinesis),
            ([ROOT / "target/venv/bin/ministack"], cloudwatch),
        ]
        self.log = open(folder / "servers.log", "w+")
        self.servers = [
            subprocess.Popen(command, env={**os.environ, **env}, cwd=folder, stdout=self.log, stderr=self.log) for command, env in commands
        ]
        self.kinesis, self.cloudwatch = client(self.urls[0]), client(self.urls[1], "cloudwatch")

    def wait(self):
        for url in self.urls:
            is_up = until(lambda: answers(url) or any(server.poll() is not None for server in self.servers), 20)
            assert is_up and all(server.poll() is None for server in self.servers), f"{url} does not answer: {self.end_of_log()}"

    def end_of_log(self):
        self.log.seek(0)
        return self.log.read()[-2_000:]

    def stop(self):
        # They keep nothing, and one of them takes five seconds to end by itself.
        for server in self.servers:
            server.kill()
            server.wait()
        self.log.close()

    def load(self, metric, per_s, minutes=18):
        """Plants so much a second, in place of what was there."""
        urllib.request.urlopen(urllib.request.Request(f"{self.urls[1]}/_ministack/reset", method="POST"), timeout=5).read()
        now = datetime.datetime.now(datetime.timezone.utc)
        dimensions = [{"Name": "StreamName", "Value": EVENTS}]
        # Two calls' worth a minute: the statistic has to be the sum.
        data = [
            {"MetricName": metric, "Dimensions": dimensions, "Timestamp": now - datetime.timedelta(minutes=minute), "Value": per_s * 30}
            for minute in range(1, minutes + 1) for _ in range(2)
        ]
        self.cloudwatch.put_metric_data(Namespace="AWS/Kinesis", MetricData=data)

    def create(self):
        self.kinesis.create_stream(StreamName=EVENTS, ShardCount=2)
        self.kinesis.create_stream(StreamName=IDLE, ShardCount=1)
        self.kinesis.create_stream(StreamName=ON_DEMAND, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        assert until(lambda: all(self.is_active(stream) for stream in (EVENTS, IDLE, ON_DEMAND)), 5)

    def is_active(self, stream=EVENTS):
        return self.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"

    def open_shards(self):
        """Once the stream is active; the open ones have to share all keys evenly."""
        assert until(self.is_active, 5, 0.05), "the stream does not become active"
        shards = self.kinesis.list_shards(StreamName=EVENTS)["Shards"]
        ranges = [shard["HashKeyRange"] for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        widths = [int(keys["EndingHashKey"]) - int(keys["StartingHashKey"]) + 1 for keys in ranges]
        assert sum(widths) == 2**128 and max(widths) - min(widths) <= len(widths), ranges
        return len(ranges)

    def changes(self):
        tags = self.kinesis.list_tags_for_stream(StreamName=EVENTS)["Tags"]
        return next((tag["Value"].split() for tag in tags if tag["Key"] == TAG), [])

    def spend(self, count, since_s=7_200):
        now = int(time.time())
        self.kinesis.add_tags_to_stream(StreamName=EVENTS, Tags={TAG: " ".join(f"{now - since_s - n}=2" for n in range(count))})


def answers(url):
    try:
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), 1).close()
    except OSError:
        return False
    return True


class Program:
    """`backend scale`."""

    def __init__(self, path, world):
        self.path = path
        self.env = {
            **os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_KINESIS": world.urls[0], "AWS_ENDPOINT_URL_CLOUDWATCH": world.urls[1],
        }

    def start(self, options):
        command = [self.path, "scale", "--log", "text", "--portals", ROOT / "portals.toml", *options.split()]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __call__(self, options, code=0, says=""):
        limits = "" if "--max" in options else " --min 1 --max 32"
        begun, running = time.monotonic(), self.start(f"--portal g1 --metric records{limits} {options}".strip())
        text = running.communicate(timeout=20)[0].strip()
        print(f"  exit {running.returncode} after {time.monotonic() - begun:.2f} s  {text}")
        assert running.returncode == code and says in text, f"wanted exit {code} and {says!r}"


def follows_the_load(world, scale):
    world.load("IncomingRecords", 2_800)
    scale("--dry-run", says="dry run: pulso-g1-events: open shards 2, peak 2800 records/s, 140 % full")
    assert (world.open_shards(), world.changes()) == (2, []), "a dry run changed something"
    scale("", says="going to 4")
    assert world.open_shards() == 4 and len(world.changes()) == 1, world.changes()
    scale("", says="kept: it fits")
    world.load("IncomingRecords", 50)
    scale("", says="the cool-down has")
    assert world.open_shards() == 4, "the cool-down did not hold"
    scale("--cool-down-s 0", says="going to 2")
    assert world.open_shards() == 2 and len(world.changes()) == 2, "down is at most to the half"


def keeps_within_the_limits(world, scale):
    world.load("IncomingRecords", 50, minutes=14)
    scale("--cool-down-s 0", says="only 14 of 15 minutes are known")
    world.load("IncomingRecords", 50)
    world.spend(7)
    scale("", says="the last 3 changes of 24 h are for going up")
    world.load("IncomingRecords", 9_000)
    world.spend(10)
    scale("", says="13 are wanted but all changes of 24 h are spent")
    assert world.open_shards() == 2, "a spent day was overspent"
    world.spend(9)
    scale("", says="going to 4")
    assert world.open_shards() == 4 and len(world.changes()) == 10
    scale("--max 4 --min 1", says="the load wants 13 but --max allows no more")
    world.spend(1)
    scale("", code=1, says="cannot scale pulso-g1-events: UpdateShardCount: LimitExceededException")
    assert world.open_shards() == 4 and len(world.changes()) == 1, "what Kinesis refused was noted as a change"


def two_operators_make_one_change(world, scale):
    world.load("IncomingRecords", 1_400)
    world.spend(1)
    both = [scale.start("--portal g1 --metric records --min 1 --max 32") for _ in range(2)]
    for running in both:
        text = running.communicate(timeout=20)[0].strip()
        print(f"  exit {running.returncode}  {text}")
    assert any(running.returncode == 0 for running in both)
    assert world.open_shards() == 2 and len(world.changes()) == 2, world.changes()


def refuses_what_it_cannot_do(scale):
    scale("--stream interactions", code=2, says="is on demand")
    scale("--min 5 --max 4", code=2, says="--min 5 is more than --max 4")
    running = scale.start("--portal nobody --metric records --min 1 --max 4")
    text = running.communicate(timeout=20)[0]
    assert running.returncode == 2 and "no portal" in text, text
    running = scale.start("--portal ge --metric records --min 1 --max 4")
    text = running.communicate(timeout=20)[0].strip()
    print(f"  exit {running.returncode}  {text}")
    assert running.returncode == 0 and "CloudWatch has nothing" in text, text


def watches(world, scale):
    """Bytes this time: down from 4 to 1 by halves, and then it stays."""
    world.load("IncomingBytes", 500_000)
    world.spend(1)
    running = scale.start("--portal g1 --metric bytes --min 1 --max 32 --cool-down-s 0 --watch 1")
    assert until(lambda: world.open_shards() == 1, 10), "watching did not go down to 1"
    time.sleep(1.5)
    running.send_signal(signal.SIGTERM)
    lines = running.communicate(timeout=10)[0].strip().splitlines()
    print(*(f"  {line}" for line in lines), sep="\n")
    assert running.returncode == 0 and "kept: it fits" in lines[-1], running.returncode
    assert [line.split("; ")[1] for line in lines if "going" in line] == ["going to 2", "going to 1"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--backend", type=Path, default=ROOT / "target/debug/backend")
    arguments.add_argument("--port", type=int, default=9510, help="and the two after it")
    arguments = arguments.parse_args()
    # So that the servers end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with tempfile.TemporaryDirectory() as folder:
        world = World(arguments.port, Path(folder))
        try:
            world.wait()
            world.create()
            scale = Program(arguments.backend, world)
            follows_the_load(world, scale)
            keeps_within_the_limits(world, scale)
            refuses_what_it_cannot_do(scale)
            watches(world, scale)
            two_operators_make_one_change(world, scale)
        finally:
            world.stop()
    print("shards follow the load, within the limits")


main()
