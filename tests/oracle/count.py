"""Holds a generator's ledger against the streams and prints the totals as JSON.

A ledger line is `portal <tab> pageview <tab> seq <tab> accepted`, and may go on `<tab> row <tab> event as JSON`: then it counts
per row too, and compares each event with what was sent. Records may still be on their way through the retry queue: it reads on
until all are there, or nothing new has come for --quiet seconds. Every record is held against the envelope's JSON Schema.
--archive is the folder of the local R2; without it nobody knows of dead letters and of what is set aside (null).
"""

import argparse
import collections
import json
import sqlite3
import time
from pathlib import Path

from ledger import read_ledger
from streams import Reader, client, envelope_schema, event_streams


def kept(archive, prefix):
    """Objects below a prefix in the local R2, which is SQLite in a folder."""
    count = 0
    for file in Path(archive).rglob("miniflare-R2BucketObject/*.sqlite"):
        if file.name != "metadata.sqlite":
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as store:
                count += store.execute("SELECT count(*) FROM _mf_objects WHERE key LIKE ?", [prefix + "%"]).fetchone()[0]
    return count


class Count:
    """What was found of what was sent."""

    def __init__(self, sent):
        self.sent, self.found = sent, collections.Counter()
        self.records = self.misplaced = self.unknown = self.altered = self.invalid = 0
        self.sightings, self.distinct = collections.Counter(), collections.Counter()
        self.seen, self.schema = set(), envelope_schema()

    def take(self, portal, record):
        """Counts a record; True when it brought anything of the ledger."""
        self.records += 1
        self.invalid += not self.schema.is_valid(record)
        is_news = False
        for event in record["batch"]["events"]:
            event_id = record["batch"]["pageview"], event["seq"]
            self.sightings[portal] += 1
            self.distinct[portal] += (portal, event_id) not in self.seen
            self.seen.add((portal, event_id))
            expected = self.sent.get(event_id)
            if expected is None:
                self.unknown += 1
            elif expected[0] != portal:
                self.misplaced += 1
            else:
                self.found[event_id] += 1
                self.altered += expected[3] is not None and expected[3] != event
                is_news = True
        return is_news

    def totals(self, wanted_row=None):
        of_row = [i for i, (_, _, row, _) in self.sent.items() if wanted_row in (None, row)]
        there = [i for i in of_row if i in self.found]
        return {
            "sent": len(of_row),
            "accepted": sum(self.sent[i][1] for i in of_row),
            "in_stream": len(there),
            "duplicates": sum(self.found[i] - 1 for i in there),
            "lost": len(of_row) - len(there),
        }


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--ledger", required=True)
    arguments.add_argument("--quiet", type=float, default=10)
    arguments.add_argument("--archive")
    arguments = arguments.parse_args()

    count = Count(read_ledger(arguments.ledger))
    kinesis = client(arguments.endpoint)
    readers = {portal: Reader(kinesis, stream) for portal, stream in event_streams().items()}
    last_news = time.monotonic()
    while len(count.found) < len(count.sent) and time.monotonic() - last_news < arguments.quiet:
        for portal, reader in readers.items():
            for record in reader.read():
                if count.take(portal, record):
                    last_news = time.monotonic()
        time.sleep(0.2)
    # All are there once: duplicates may follow.
    for portal, reader in readers.items():
        for record in reader.read():
            count.take(portal, record)

    rows = sorted({row for _, _, row, _ in count.sent.values()})
    print(json.dumps({
        **count.totals(),
        "misplaced": count.misplaced,
        "rows": {row: count.totals(row) for row in rows},
        "records": count.records,
        "unknown": count.unknown,
        "altered": count.altered,
        "invalid": count.invalid,
        "portals": {portal: {"distinct": count.distinct[portal], "sightings": count.sightings[portal]} for portal in readers},
        "dead": kept(arguments.archive, "dead/") if arguments.archive else None,
        "spilled": kept(arguments.archive, "spill/") if arguments.archive else None,
    }))


main()
