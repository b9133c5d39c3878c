"""Holds a portal's interaction stream against its event stream, with its own reckoning of what the events amount to.

Reads all shards of both, closed ones too, until every expected interaction is there or nothing new has come for --quiet seconds.
Exits with 1 and names what is missing, invented, or not the same in every copy; and poison without its dead letter.
--erased VISITOR=UNTIL_MS: what was received by then and came to the stream later counts for nothing.
"""

import argparse
import collections
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from streams import client, envelope_schema

GAP_MS, DAY_MS = 1_800_000, 86_400_000
WEIGHTS = {"view": 0.2, "read_15": 1.0, "read_60": 2.0, "read_75pct": 1.5, "click": 0.5, "share": 3.0}
FIELDS = ("v", "portal", "visitor", "session", "item", "kind", "at_ms", "trust")
SHOWN_MAX = 20


def shards_in_order(kinesis, stream):
    """Parents before their children."""
    left, done = {shard["ShardId"]: shard for shard in kinesis.list_shards(StreamName=stream)["Shards"]}, []
    while left:
        parents = {i: {s.get("ParentShardId"), s.get("AdjacentParentShardId")} & left.keys() for i, s in left.items()}
        ready = sorted(i for i in left if not parents[i])
        done += ready
        for i in ready:
            del left[i]
    return done


class Stream:
    """A stream's records by shard; `read` gets what is new."""

    def __init__(self, kinesis, name):
        self.kinesis, self.name, self.iterators, self.records = kinesis, name, {}, {}

    def read(self):
        """How many were new."""
        count = 0
        for shard in shards_in_order(self.kinesis, self.name):
            if shard not in self.iterators:
                start = self.kinesis.get_shard_iterator(StreamName=self.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
                self.iterators[shard], self.records[shard] = start["ShardIterator"], []
            while self.iterators[shard]:
                page = self.kinesis.get_records(ShardIterator=self.iterators[shard], Limit=10000)
                self.iterators[shard] = page.get("NextShardIterator")
                self.records[shard] += page["Records"]
                count += len(page["Records"])
                if not page["Records"]:
                    break
        return count

    def all(self):
        """(shard, record), each shard after its parents."""
        return [(shard, record) for shard in shards_in_order(self.kinesis, self.name) for record in self.records.get(shard, [])]


def arrived_ms(record):
    return round(record["ApproximateArrivalTimestamp"].timestamp() * 1000)


class Reckoning:
    """What the events amount to: written from the rules, not from the backend."""

    def __init__(self, portal, erased):
        self.portal, self.erased = portal, erased
        self.interactions, self.poison, self.forgotten = {}, set(), set()
        # Ids that erased readers had made by then.
        self.of_before = set()
        self.seen, self.session_of, self.latest = set(), {}, {}
        self.counts, self.schema = collections.Counter(), envelope_schema()

    def take(self, stream, shard, record):
        self.counts["records"] += 1
        envelope = self.parsed(record["Data"])
        if envelope is None:
            self.poison.add((stream, shard, record["SequenceNumber"]))
            return
        batch, edge = envelope["batch"], envelope["edge"]
        until_ms = self.erased.get(edge["visitor"], 0)
        if until_ms and arrived_ms(record) > until_ms:
            if edge["visitor"] not in self.forgotten:
                self.forgotten.add(edge["visitor"])
                self.latest.pop(edge["visitor"], None)
            if edge["received_at_ms"] <= until_ms:
                self.counts["erased"] += len(batch["events"])
                return
        if arrived_ms(record) - edge["received_at_ms"] > DAY_MS or edge["skew_ms"] > DAY_MS:
            self.counts["late"] += len(batch["events"])
            return
        for event in batch["events"]:
            if (batch["pageview"], event["seq"]) in self.seen:
                self.counts["duplicates"] += 1
                continue
            self.seen.add((batch["pageview"], event["seq"]))
            if edge["received_at_ms"] - event["at_ms"] - edge["skew_ms"] > DAY_MS:
                self.counts["late"] += 1
                continue
            self.counts["events"] += 1
            if not (batch["bot"] or edge.get("bot")):
                self.apply(batch, edge, event)

    def parsed(self, data):
        try:
            envelope = json.loads(data)
        except ValueError:
            return None
        return envelope if self.schema.is_valid(envelope) and envelope["v"] == 1 and envelope["batch"]["portal"] == self.portal else None

    def apply(self, batch, edge, event):
        at_ms = min(event["at_ms"] + edge["skew_ms"], edge["received_at_ms"])
        session, latest_ms = self.latest.get(edge["visitor"], (None, 0))
        if session is None or at_ms > latest_ms + GAP_MS:
            session = batch["pageview"]
            self.counts["sessions"] += 1
        self.latest[edge["visitor"]] = session, max(at_ms, latest_ms)
        session = self.session_of.setdefault(batch["pageview"], session)
        item = batch.get("item") or urlsplit(batch["url"]).path
        if batch["page"] != "article" or not item:
            return
        for kind in kinds(event):
            made = {"v": 1, "portal": self.portal, "visitor": edge["visitor"], "session": session, "item": item, "kind": kind,
                    "at_ms": at_ms, "trust": edge["trust"]}
            self.interactions.setdefault(f"{batch['pageview']}:{kind}", made)
            if edge["visitor"] in self.erased and edge["visitor"] not in self.forgotten:
                self.of_before.add(f"{batch['pageview']}:{kind}")


def kinds(event):
    engagement = event["kind"] == "engagement"
    return [kind for kind, is_reached in {
        "view": event["kind"] == "pageview",
        "read_15": engagement and event["engaged_ms"] >= 15_000,
        "read_60": engagement and event["engaged_ms"] >= 60_000,
        "read_75pct": engagement and event["scroll_pct"] >= 75,
        "click": event["kind"] == "click",
        "share": event["kind"] == "custom" and event["name"] == "share",
    }.items() if is_reached]


def reckon(portal, events, erased):
    reckoning = Reckoning(portal, erased)
    for shard, record in events.all():
        reckoning.take(events.name, shard, record)
    return reckoning


def wait(portal, events, interactions, erased, quiet_s):
    """Until all is there, or nothing new comes."""
    last_news = time.monotonic()
    while True:
        if events.read() + interactions.read():
            last_news = time.monotonic()
        reckoning = reckon(portal, events, erased)
        ids = {json.loads(record["Data"])["id"] for _, record in interactions.all()}
        if reckoning.interactions.keys() <= ids or time.monotonic() - last_news > quiet_s:
            return reckoning
        time.sleep(0.5)


def judge_interactions(reckoning, interactions, erased, faults):
    """Gives the number of repeats."""
    copies = collections.defaultdict(list)
    for _, record in interactions.all():
        made = json.loads(record["Data"])
        copies[made["id"]].append((made, arrived_ms(record)))
    expected = reckoning.interactions
    faults += [f"missing {name}" for name in sorted(expected.keys() - copies.keys())]
    faults += [f"invented {name}" for name in sorted(copies.keys() - expected.keys())]
    for name in sorted(expected.keys() & copies.keys()):
        wanted, until_ms = expected[name], erased.get(expected[name]["visitor"])
        for made, at_ms in copies[name]:
            got = {field: made[field] for field in FIELDS}
            if got != wanted or abs(made["weight"] - WEIGHTS[made["kind"]]) > 1e-6:
                faults.append(f"different {name}: {got}, expected {wanted}")
            if name in reckoning.of_before and at_ms > until_ms:
                faults.append(f"made after the erasure {name}")
    return sum(map(len, copies.values())) - len(copies)


def judge_letters(reckoning, folders, faults):
    """Gives how many letters there are, repeats in another folder included."""
    letters = collections.Counter()
    for file in (file for folder in folders for file in Path(folder).glob("dead/**/*.json")):
        origin = json.loads(file.read_text())["origin"]
        letters[origin["stream"], origin["shard"], origin["sequence_number"]] += 1
    mine = {place: count for place, count in letters.items() if place[0] == f"pulso-{reckoning.portal}-events"}
    faults += [f"no dead letter of {place}" for place in sorted(reckoning.poison - mine.keys())]
    faults += [f"a dead letter of a good record {place}" for place in sorted(mine.keys() - reckoning.poison)]
    return sum(mine.values())


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--portal", required=True)
    arguments.add_argument("--quiet", type=float, default=15)
    arguments.add_argument("--erased", action="append", default=[])
    arguments.add_argument("--data", action="append", default=[])
    arguments = arguments.parse_args()
    kinesis, faults = client(arguments.endpoint), []
    erased = {visitor: int(until_ms) for visitor, until_ms in (pair.split("=") for pair in arguments.erased)}
    events = Stream(kinesis, f"pulso-{arguments.portal}-events")
    interactions = Stream(kinesis, f"pulso-{arguments.portal}-interactions")
    reckoning = wait(arguments.portal, events, interactions, erased, arguments.quiet)
    repeats = judge_interactions(reckoning, interactions, erased, faults)
    letters = judge_letters(reckoning, arguments.data, faults)
    counts = {name: reckoning.counts[name] for name in ("records", "events", "duplicates", "sessions", "erased", "late")}
    print(json.dumps({
        "portal": arguments.portal, **counts, "shards": len(events.records), "expected": len(reckoning.interactions),
        "repeats": repeats, "poison": len(reckoning.poison), "dead_letters": letters, "faults": len(faults),
    }))
    for fault in faults[:SHOWN_MAX]:
        print(fault)
    sys.exit(1 if faults else 0)


main()
