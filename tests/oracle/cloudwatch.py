"""Whether what the backend tells CloudWatch is what happened: boto3 reads it back, and holds it against what was put into the streams and
against /metrics of the same run.

Starts ministack, an edge that only takes publications, and a door before CloudWatch that can be shut; then the backend, twice.
"""

import argparse
import datetime
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from streams import ROOT, client, event_streams, until

GOLDEN = json.loads((ROOT / "wire/tests/golden/envelope_tally.json").read_text())
TALLY = GOLDEN["edge"]["tally"]
SETTLE_S = 2
CALL_BYTES_MAX = 1_000_000
# name in /metrics, metric, stage
SUMS = [
    ("pulso_events_total", "Events", "stream"),
    ("pulso_duplicate_events_total", "DuplicateEvents", "stream"),
    ("pulso_dropped_events_total", "DroppedEvents", "stream"),
    ("pulso_out_of_range_events_total", "BadEvents", "stream"),
    ("pulso_poison_records_total", "PoisonRecords", "stream"),
    ("pulso_retried_records_total", "Retried", "delivery"),
    ("pulso_edge_posts_total", "Posts", "edge"),
    ("pulso_edge_posts_refused_total", "Refused", "edge"),
    ("pulso_edge_posts_unavailable_total", "Unavailable", "edge"),
    ("pulso_edge_puts_failed_total", "PutFailed", "edge"),
    ("pulso_edge_put_milliseconds_total", "PutTime", "edge"),
    ("pulso_edge_queued_total", "Queued", "edge"),
    ("pulso_edge_lists_fallback_total", "Fallback", "edge"),
    ("pulso_edge_lists_slow_total", "SlowLists", "edge"),
    ("pulso_edge_dead_letters_total", "DeadLetters", "edge"),
]
VOLUMES = [("records_in", "RecordsIn"), ("bytes_in", "BytesIn"), ("records_out", "RecordsOut"), ("bytes_out", "BytesOut")]
STAGES = ["transform", "put", "commit", "learn", "publish", "snapshot", "dead_letter"]


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, body=b"", kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except BrokenPipeError:
            pass  # Whoever asked did not wait for it.


class Edge(Quiet):
    """Takes what is published; the model of g1 as slowly as it is told."""

    slow_s = 0

    def do_PUT(self):
        self.body()
        if self.path == "/admin/portals/g1/model":
            time.sleep(Edge.slow_s)
        self.answer(200, b"{}")


class Door(Quiet):
    """Before CloudWatch: shut, it answers 503."""

    upstream, is_shut, refused, largest = 0, False, 0, 0

    def do_POST(self):
        body = self.body()
        Door.largest = max(Door.largest, len(body))
        if Door.is_shut:
            Door.refused += 1
            self.answer(503)
            return
        connection = http.client.HTTPConnection("127.0.0.1", Door.upstream, timeout=10)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        self.answer(answer.status, answer.read(), answer.headers.get("Content-Type", "text/plain"))
        connection.close()


class World:
    """The servers, and how the backend finds them."""

    def __init__(self, port, folder, backend):
        self.folder, self.backend = folder, backend
        self.edge, self.door, aws, self.own = (f"http://127.0.0.1:{port + n}" for n in range(4))
        Door.upstream = port + 2
        self.servers = [ThreadingHTTPServer(("127.0.0.1", port + n), kind) for n, kind in enumerate([Edge, Door])]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.log = open(folder / "ministack.log", "w+")
        env = {
            **os.environ, "GATEWAY_PORT": str(port + 2), "BIND_HOST": "127.0.0.1", "SERVICES": "kinesis,monitoring",
            "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "STATE_DIR": str(folder / "ministack"),
        }
        self.ministack = subprocess.Popen([ROOT / "target/venv/bin/ministack"], env=env, cwd=folder, stdout=self.log, stderr=self.log)
        self.env = {
            **os.environ, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_KINESIS": aws, "AWS_ENDPOINT_URL_CLOUDWATCH": self.door, "AWS_EC2_METADATA_DISABLED": "true",
            "PULSO_ADMIN_SECRET": "secret", "PULSO_CLOUDWATCH": "true",
        }
        self.kinesis, self.cloudwatch, self.running = client(aws), client(aws, "cloudwatch"), None
        assert until(lambda: self.ministack.poll() is None and answers(f"{aws}/_ministack/health"), 20), "ministack does not answer"

    def start(self, name, every_s):
        self.said = self.folder / f"{name}.log"
        command = [
            self.backend, "serve", "--log", "text", "--dev", "--create-streams", "--portals", ROOT / "portals.toml",
            "--data", self.folder / name, "--edge-url", self.edge, "--listen", self.own.removeprefix("http://"),
            "--publish-every-s", "1", "--metrics-every-s", str(every_s), "--loss-settle-s", str(SETTLE_S),
        ]
        with open(self.said, "w") as log:
            self.running = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)
        assert until(lambda: answers(f"{self.own}/health"), 20), self.said.read_text()[-2_000:]

    def end(self):
        begun = time.monotonic()
        self.running.send_signal(signal.SIGTERM)
        assert self.running.wait(20) == 0, self.said.read_text()[-2_000:]
        return time.monotonic() - begun

    def stop(self):
        for process in [self.running, self.ministack]:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        for server in self.servers:
            server.shutdown()
        self.log.close()

    def metrics(self):
        text = urllib.request.urlopen(f"{self.own}/metrics", timeout=5).read().decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def statistics(self, metric, stage, portal=None):
        """Sum, SampleCount and Maximum of everything so far; `None` when there is nothing."""
        now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
        dimensions = [{"Name": "StageName", "Value": stage}] + ([{"Name": "Portal", "Value": portal}] if portal else [])
        points = self.cloudwatch.get_metric_statistics(
            Namespace="Pulso", MetricName=metric, Dimensions=dimensions, StartTime=now - day, EndTime=now + day, Period=86_400,
            Statistics=["Sum", "SampleCount", "Maximum"], ExtendedStatistics=["p50"],
        )["Datapoints"]
        if not points:
            return None
        total = {name: sum(point[name] for point in points) for name in ["Sum", "SampleCount"]}
        return {**total, "Maximum": max(point["Maximum"] for point in points), "p50": points[0].get("ExtendedStatistics", {}).get("p50")}


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


class Feed:
    """Puts records into the streams, and keeps account of what has to be told of them."""

    def __init__(self, world):
        self.world, self.number, self.told = world, 0, {}

    def count(self, portal, name, amount=1):
        self.told[portal, name] = self.told.get((portal, name), 0) + amount

    def record(self, portal, seqs=range(5), tally=None, via="direct", late_ms=0, dropped=0):
        self.number += 1
        now = int(time.time() * 1_000)
        envelope = json.loads(json.dumps(GOLDEN))
        batch, edge = envelope["batch"], envelope["edge"]
        batch |= {"portal": portal, "pageview": f"{now:012x}{self.number:020x}", "sent_at_ms": now - late_ms - 90, "dropped": dropped}
        batch["events"] = [{"seq": seq, "at_ms": now - late_ms - 90, "kind": "pageview"} for seq in seqs]
        edge |= {"received_at_ms": now - late_ms, "visitor": f"{self.number:032x}", "via": via}
        edge.pop("tally")
        if tally:
            edge["tally"] = tally
        return json.dumps(envelope) + "\n"

    def put(self, portal, records):
        entries = [{"Data": data, "PartitionKey": str(n)} for n, data in enumerate(records)]
        answer = self.world.kinesis.put_records(StreamName=event_streams()[portal], Records=entries)
        assert answer["FailedRecordCount"] == 0, answer

    def readers(self, portal, count, **more):
        """So many pageviews of five events, every fourth retried, every fifth with a tally, every tenth twice."""
        records = []
        for n in range(count):
            record = self.record(portal, tally=TALLY if n % 5 == 0 else None, via="queue" if n % 4 == 0 else "direct", **more)
            copies = 2 if n % 10 == 0 else 1
            records += [record] * copies
            self.count(portal, "events", 5)
            self.count(portal, "records", copies)
            self.count(portal, "bytes", copies * len(record))
            self.count(portal, "duplicates", 5 * (copies - 1))
            self.count(portal, "retried", copies * (n % 4 == 0))
            self.count(portal, "tallies", n % 5 == 0)
        self.put(portal, records)

    def odd(self, portal, seqs, new, data=None, **more):
        """One record that is not as the others."""
        record = data or self.record(portal, seqs, **more)
        self.put(portal, [record])
        self.count(portal, "events", new)
        self.count(portal, "records")
        self.count(portal, "bytes", len(record))

    def settle(self, portal):
        """What came so far is quiet, and one more record says so."""
        time.sleep(SETTLE_S + 0.2)
        self.odd(portal, [0], 1)


def feed(world, feed):
    feed.readers("g1", 60)
    feed.readers("ge", 10)
    for _ in range(3):
        feed.odd("g1", [0, 3], 2)
    feed.odd("g1", [0], 1, dropped=2, late_ms=90_000)
    feed.odd("g1", [0, 10_001], 1)
    for text in ["no envelope", "{}"]:
        feed.odd("g1", [], 0, data=text)
    # Two probes: they come each minute, also when nobody reads.
    feed.put("g1", [feed.record("g1", []), feed.record("g1", [])])
    wait(world, feed)


def wait(world, feed):
    def is_read():
        metrics = world.metrics()
        return all(metrics.get(f'pulso_events_total{{portal="{portal}"}}') == feed.told[portal, "events"] for portal in ["g1", "ge"])

    assert until(is_read, 20), (feed.told, world.metrics())
    # What was counted before is published by the second period's end.
    time.sleep(2.5)


def agrees_with_what_was_put(world, feed):
    told = feed.told
    for portal, poison, dropped, bad, late, lost in [("g1", 2, 2, 1, 1, 6), ("ge", 0, 0, 0, 0, 0)]:
        def sums(metric, stage):
            return tuple(map(round, (found["Sum"], found["SampleCount"]))) if (found := world.statistics(metric, stage, portal)) else None

        def total(metric, stage):
            return (sums(metric, stage) or (0,))[0]

        want = {key: told.get((portal, key), 0) for key in ["events", "records", "bytes", "duplicates", "retried", "tallies"]}
        envelopes = want["records"] - poison
        wanted = {
            "Events": want["events"], "DuplicateEvents": want["duplicates"], "PoisonRecords": poison, "DroppedEvents": dropped, "BadEvents": bad,
        }
        found = {name: total(name, "stream") for name in wanted}
        assert found == wanted, f"{portal}: wanted {wanted}, CloudWatch has {found}"
        assert total("RecordsIn", "transform") == want["records"], (portal, sums("RecordsIn", "transform"), want, "a probe counts for nothing")
        assert total("BytesIn", "transform") == want["bytes"], (portal, sums("BytesIn", "transform"), want)
        assert sums("Retried", "delivery") == (want["retried"], envelopes), (portal, sums("Retried", "delivery"), want)
        times = world.statistics("DeliveryTime", "delivery", portal)
        assert times["SampleCount"] == envelopes and (90 <= times["Maximum"] < 120) == bool(late), (portal, times)
        assert times["p50"] < 10, f"half of them came at once: {times}"
        tallies = want["tallies"]
        for metric, count, of in [
            ("Unavailable", "unavailable", "posts"), ("PutFailed", "put_failed", "puts"), ("Fallback", "fallback", "lists"),
            ("SlowLists", "slow_lists", "lists"), ("PutTime", "put_ms", "put_calls"),
        ]:
            assert sums(metric, "edge") == (tallies * TALLY[count], tallies * TALLY[of]), (portal, metric, sums(metric, "edge"), tallies)
        for metric, name in [("Posts", "posts"), ("Refused", "refused"), ("Queued", "queued"), ("DeadLetters", "dead")]:
            assert total(metric, "edge") == tallies * TALLY[name], (portal, metric)
        assert world.statistics("PutTime", "edge", portal)["Maximum"] == TALLY["put_ms_max"]
        if lost:
            # Of the pageviews with a gap two are missing each; one event could not be and is none.
            assert sums("Lost", "stream") == (lost, want["events"] - 1 + lost), (portal, sums("Lost", "stream"), want)
        print(f"  {portal}: {want['records']} records, {want['events']} events, {tallies} tallies, {total('Lost', 'stream')} lost")


def agrees_with_metrics(world):
    """Once everything rests, and the last period has been told: a snapshot is written some seconds after the last record."""
    assert until(lambda: not differences(world), 15, 1), "\n".join(differences(world))
    print(f"  {2 * (len(SUMS) + len(STAGES) * len(VOLUMES))} sums are those of /metrics")


def differences(world):
    metrics, found = world.metrics(), []
    beats = world.statistics("Heartbeat", "backend")["Sum"]
    for portal in ["g1", "ge"]:
        pairs = [(f'{name}{{portal="{portal}"}}', metric, stage) for name, metric, stage in SUMS]
        for stage in STAGES:
            labels = f'stage="{stage}",portal="{portal}"'
            pairs += [(f"pulso_stage_{name}_total{{{labels}}}", metric, stage) for name, metric in VOLUMES]
            if stage in ["put", "commit", "dead_letter"]:
                # They rest. A unit that ran at a period's end was told then, too.
                units, told = metrics.get(f"pulso_stage_seconds_count{{{labels}}}", 0), world.statistics("ExecutionTime", stage, portal)
                told = told["SampleCount"] if told else 0
                if not units <= told <= units + beats:
                    found.append(f"{stage} of {portal}: {units} units, CloudWatch has {told}")
        for name, metric, stage in pairs:
            told = world.statistics(metric, stage, portal)
            if metrics.get(name, 0) != round(told["Sum"] if told else 0):
                found.append(f"{name} {metrics.get(name, 0)}, CloudWatch {metric} of {stage}: {told}")
    return found


def a_unit_that_runs_is_seen(world, feed):
    Edge.slow_s = 4
    feed.odd("g1", [0], 1)
    assert world.statistics("ExecutionTime", "publish", "g1")["Maximum"] < 2, "the machine is too slow for this"
    seen = until(lambda: world.statistics("ExecutionTime", "publish", "g1")["Maximum"] > 2, 8)
    running = world.metrics()['pulso_stage_running{stage="publish",portal="g1"}']
    assert seen and running == 1, f"a publication that lasts is not seen before it is over: {seen} {running}"
    assert until(lambda: world.statistics("ModelAge", "publish", "g1")["Maximum"] > 2, 5), "the model does not age meanwhile"
    Edge.slow_s = 0
    wait(world, feed)


def a_shut_door_loses_nothing(world, feed):
    Door.is_shut = True
    feed.readers("g1", 20)
    assert until(lambda: Door.refused > 3, 20), "nobody knocked"
    time.sleep(2)
    Door.is_shut = False
    wait(world, feed)
    until(lambda: "takes metrics again" in world.said.read_text(), 10)
    time.sleep(1.5)
    text = world.said.read_text()
    assert text.count("does not take metrics") == 1 and text.count("takes metrics again") == 1, text[-2_000:]


def the_last_period_is_told_at_the_end(world, feed):
    before = world.statistics("Events", "stream", "ge")["Sum"]
    world.start("second", 3_600)
    # An empty folder: everything is read again, and is counted by this one too.
    assert until(lambda: world.metrics().get('pulso_events_total{portal="ge"}') == feed.told["ge", "events"], 20)
    assert world.statistics("Events", "stream", "ge")["Sum"] == before, "an hour is not over"
    took_s = world.end()
    told = world.statistics("Events", "stream", "ge")["Sum"] - before
    assert told == feed.told["ge", "events"], f"told at the end: {told}"
    print(f"  stopped in {took_s:.1f} s, the last period told")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--backend", type=Path, default=ROOT / "target/debug/backend")
    arguments.add_argument("--port", type=int, default=9610, help="and the three after it")
    arguments = arguments.parse_args()
    # So that the servers end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with tempfile.TemporaryDirectory() as folder:
        world = World(arguments.port, Path(folder), arguments.backend)
        try:
            world.start("first", 1)
            account = Feed(world)
            feed(world, account)
            a_unit_that_runs_is_seen(world, account)
            a_shut_door_loses_nothing(world, account)
            account.settle("g1")
            wait(world, account)
            agrees_with_what_was_put(world, account)
            agrees_with_metrics(world)
            world.end()
            the_last_period_is_told_at_the_end(world, account)
            assert 0 < Door.largest < CALL_BYTES_MAX
            print(f"  the largest call had {Door.largest} bytes")
        finally:
            world.stop()
    print("CloudWatch has what happened")


main()
