"""Holds a generator's ledger against the streams and prints the totals as JSON.

A ledger line is `portal <tab> pageview <tab> seq <tab> accepted`. Records may still be on their way through the
retry queue: it reads on until all are there, or nothing new has come for QUIET_S seconds.
"""

import argparse
import collections
import json
import time

from streams import Reader, client, event_streams

QUIET_S = 10


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--ledger", required=True)
    arguments = arguments.parse_args()

    sent, accepted = {}, 0
    with open(arguments.ledger) as ledger:
        for line in ledger:
            portal, pageview, seq, is_accepted = line.split()
            sent[pageview, int(seq)] = portal
            accepted += int(is_accepted)

    kinesis = client(arguments.endpoint)
    readers = {portal: Reader(kinesis, stream) for portal, stream in event_streams().items()}
    found = collections.Counter()
    misplaced = 0
    last_news = time.monotonic()
    while len(found) < len(sent) and time.monotonic() - last_news < QUIET_S:
        for portal, reader in readers.items():
            for record in reader.read():
                for event in record["batch"]["events"]:
                    event_id = record["batch"]["pageview"], event["seq"]
                    if sent.get(event_id) == portal:
                        found[event_id] += 1
                        last_news = time.monotonic()
                    elif event_id in sent:
                        misplaced += 1
        time.sleep(0.2)

    print(json.dumps({
        "sent": len(sent),
        "accepted": accepted,
        "in_stream": len(found),
        "duplicates": sum(found.values()) - len(found),
        "misplaced": misplaced,
        "lost": len(sent) - len(found),
    }))


main()
