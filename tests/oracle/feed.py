"""Puts envelopes into event streams as the edge writes them, and splits and merges the shards it writes to.

  make     makes the streams of both portals, g1's event stream with two shards
  load     so many readers for --seconds: pageviews with cumulative engagement, gaps between sessions, events that come late or twice,
           robots, and records that are none; splits a shard at a quarter of the time and merges its children at two thirds
  readers  --count known pageviews of one reader: the same arguments make the same records, to the byte
"""

import argparse
import collections
import copy
import hashlib
import json
import random
import time

from streams import ROOT, client

GOLDEN = json.loads((ROOT / "wire/tests/golden/envelope.json").read_text())
PAUSE_S = 0.4
HOUR_MS, MINUTE_MS = 3_600_000, 60_000


def now_ms():
    return int(time.time() * 1000)


def hex_of(*parts):
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def record(portal, visitor, pageview, item, events, received_at_ms, page="article", bot=False, skew_ms=91):
    """One record, a deep copy of the golden one with this in it."""
    envelope = copy.deepcopy(GOLDEN)
    envelope["batch"] |= {
        "portal": portal, "visitor": visitor, "pageview": pageview, "page": page, "bot": bot, "events": events,
        "url": f"https://{portal}.example{item}", "item": item, "sent_at_ms": received_at_ms - 90 - skew_ms,
    }
    if not any(event["kind"] == "pageview" for event in events):
        del envelope["batch"]["meta"]
    envelope["edge"] |= {"received_at_ms": received_at_ms, "skew_ms": skew_ms, "visitor": visitor}
    if bot and pageview[-1] in "02468ace":
        # Not the page says so, but the edge has seen it.
        envelope["batch"]["bot"], envelope["edge"]["bot"] = False, True
    return visitor, json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Reader:
    """One simulated reader with a clock of his own, which begins ten hours ago."""

    def __init__(self, dice, portal, number):
        self.dice, self.portal, self.number = dice, portal, number
        self.visitor = hex_of(portal, number, dice.random())[:32]
        self.at_ms = now_ms() - 10 * HOUR_MS + dice.randrange(HOUR_MS)
        self.skew_ms = dice.randrange(-5_000, 5_000)
        self.pages, self.page = 0, None

    def turn(self):
        """He opens a page."""
        self.pages += 1
        pageview = f"{self.at_ms:012x}" + hex_of(self.visitor, self.pages)[:20]
        self.page = {
            "pageview": pageview, "seq": 0, "engaged_ms": 0, "scroll_pct": 0, "item": f"/noticia/{self.dice.randrange(40)}",
            "page": "section" if self.dice.random() < 0.1 else "article", "bot": self.dice.random() < 0.03, "last": None,
        }

    def event(self, kind, **more):
        page, self.page["seq"] = self.page, self.page["seq"] + 1
        late_ms = self.dice.randrange(1, 4 * MINUTE_MS) if self.dice.random() < 0.05 else 0
        return {"seq": page["seq"] - 1, "at_ms": self.at_ms - late_ms - self.skew_ms, "kind": kind, **more}

    def next(self):
        """His next record: what happened since the last one, and now and then an event that was there already."""
        dice = self.dice
        self.at_ms += dice.randrange(31, 50) * MINUTE_MS if dice.random() < 0.06 else dice.randrange(1_000, 90_000)
        events = []
        if self.page is None or dice.random() < 0.3:
            self.turn()
            events.append(self.event("pageview"))
        page = self.page
        if page["last"] and dice.random() < 0.1:
            events.append(page["last"])
        page["engaged_ms"] += dice.randrange(0, 25_000)
        page["scroll_pct"] = min(100, page["scroll_pct"] + dice.randrange(0, 40))
        events.append(self.event("engagement", engaged_ms=page["engaged_ms"], scroll_pct=page["scroll_pct"]))
        if dice.random() < 0.15:
            events.append(self.event("click", href="https://g1.example/x.ghtml", link="internal"))
        if dice.random() < 0.1:
            events.append(self.event("custom", name=dice.choice(["share", "print"]), props={}))
        page["last"] = events[-1]
        return record(self.portal, self.visitor, page["pageview"], page["item"], events, self.at_ms + dice.randrange(-200, 500),
                      page["page"], page["bot"], self.skew_ms)


def poison(dice, portal):
    """A record that is none."""
    visitor, good = record(portal, hex_of(dice.random())[:32], f"{now_ms():012x}" + "0" * 20, "/p", GOLDEN["batch"]["events"], now_ms())
    other = good.replace(f'"portal":"{portal}"'.encode(), b'"portal":"elsewhere"')
    later = good.replace(b'{"v":1,', b'{"v":2,', 1)
    return visitor, dice.choice([b"not a record", b"{}", good[:200], b"\xff\xfe\x00", other, later]) + str(dice.random()).encode()


def put(kinesis, stream, records):
    """Until the stream has them all, in this order."""
    while records:
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        answer = kinesis.put_records(StreamName=stream, Records=entries)
        records = [one for one, outcome in zip(records, answer["Records"]) if "SequenceNumber" not in outcome]


def active(kinesis, stream):
    while kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.1)


def make(kinesis):
    for portal, shards in (("g1", 2), ("ge", 1)):
        kinesis.create_stream(StreamName=f"pulso-{portal}-events", ShardCount=shards)
        kinesis.create_stream(StreamName=f"pulso-{portal}-interactions", ShardCount=1)
        active(kinesis, f"pulso-{portal}-events")
        active(kinesis, f"pulso-{portal}-interactions")


def split(kinesis, stream):
    """Its first shard in two halves; gives the children."""
    shards = kinesis.list_shards(StreamName=stream)["Shards"]
    hashes = shards[0]["HashKeyRange"]
    middle = (int(hashes["StartingHashKey"]) + int(hashes["EndingHashKey"])) // 2
    kinesis.split_shard(StreamName=stream, ShardToSplit=shards[0]["ShardId"], NewStartingHashKey=str(middle))
    active(kinesis, stream)
    return [s["ShardId"] for s in kinesis.list_shards(StreamName=stream)["Shards"] if s.get("ParentShardId") == shards[0]["ShardId"]]


def load(kinesis, portal, seconds, per_s, dice):
    stream = f"pulso-{portal}-events"
    readers = [Reader(dice, portal, number) for number in range(60)]
    recent, counts = collections.deque(maxlen=300), collections.Counter()
    begun, children, is_merged, last = time.monotonic(), None, False, 0.0
    while last < seconds:
        time.sleep(PAUSE_S)
        now = time.monotonic() - begun
        records = []
        for _ in range(round((now - last) * per_s)):
            luck = dice.random()
            kind = "poison" if luck < 0.015 else "repeat" if luck < 0.1 and recent else "fresh"
            made = poison(dice, portal) if kind == "poison" else dice.choice(recent) if kind == "repeat" else dice.choice(readers).next()
            counts[kind] += 1
            if kind == "fresh":
                recent.append(made)
            records.append(made)
        last = now
        put(kinesis, stream, records)
        if children is None and now > seconds / 4:
            children = split(kinesis, stream)
            print(f"split at {now:.1f} s into {' '.join(children)}", flush=True)
        if not is_merged and now > seconds * 2 / 3:
            kinesis.merge_shards(StreamName=stream, ShardToMerge=children[0], AdjacentShardToMerge=children[1])
            active(kinesis, stream)
            is_merged = True
            print(f"merged at {now:.1f} s", flush=True)
    print(json.dumps({**counts, "seconds": round(last, 1)}))


def known(kinesis, portal, visitor, label, count, received_at_ms):
    """A put for each pageview, a moment apart."""
    for number in range(count):
        pageview = f"{received_at_ms:012x}" + hex_of(visitor, label, number)[:20]
        at_ms = received_at_ms - 30_000 - 91
        events = [
            {"seq": 0, "at_ms": at_ms, "kind": "pageview"},
            {"seq": 1, "at_ms": at_ms + 20_000, "kind": "engagement", "engaged_ms": 16_000, "scroll_pct": 80},
        ]
        put(kinesis, f"pulso-{portal}-events", [record(portal, visitor, pageview, f"/noticia/{label}-{number}", events, received_at_ms)])
        if number + 1 < count:
            time.sleep(1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["make", "load", "readers"])
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--portal", default="g1")
    arguments.add_argument("--seconds", type=float)
    arguments.add_argument("--per-s", type=float, default=30)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--visitor")
    arguments.add_argument("--label")
    arguments.add_argument("--count", type=int, default=1)
    arguments.add_argument("--received-at-ms", type=int)
    arguments = arguments.parse_args()
    kinesis = client(arguments.endpoint)
    if arguments.what == "make":
        make(kinesis)
    elif arguments.what == "load":
        load(kinesis, arguments.portal, arguments.seconds, arguments.per_s, random.Random(arguments.seed))
    else:
        known(kinesis, arguments.portal, arguments.visitor, arguments.label, arguments.count, arguments.received_at_ms)


main()
