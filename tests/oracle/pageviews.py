"""Prints, as JSON, every pageview of an item that the streams hold: {portal: [{pageview, visitor, batch_visitor, events, …}]}.

Events are merged over the records of a pageview and ordered by seq; each record is held against the envelope's JSON Schema.
Reads until --want events are there for one pageview in --portal, at most --seconds.
"""

import argparse
import json

from streams import Reader, client, envelope_schema, event_streams, until


def merge(pageviews, portal, record):
    batch, edge = record["batch"], record["edge"]
    view = pageviews[portal].setdefault(batch["pageview"], {
        "pageview": batch["pageview"], "batch_visitor": batch.get("visitor"), "visitor": edge["visitor"],
        "consent": batch["consent"], "url": batch["url"], "meta": None, "events": {}, "duplicates": 0,
    })
    view["meta"] = batch.get("meta") or view["meta"]
    for event in batch["events"]:
        if event["seq"] in view["events"]:
            view["duplicates"] += 1
        view["events"][event["seq"]] = event


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--item", required=True)
    arguments.add_argument("--since", type=int, required=True, help="received at or after, Unix milliseconds")
    arguments.add_argument("--portal", required=True)
    arguments.add_argument("--want", nargs="+", required=True, help="kinds of event to wait for")
    arguments.add_argument("--seconds", type=float, default=15)
    arguments = arguments.parse_args()

    schema = envelope_schema()
    kinesis = client(arguments.endpoint)
    readers = {portal: Reader(kinesis, stream) for portal, stream in event_streams().items()}
    pageviews = {portal: {} for portal in readers}

    def all_there():
        for portal, reader in readers.items():
            for record in reader.read():
                schema.validate(record)
                is_item = record["batch"].get("item") == arguments.item
                if is_item and record["edge"]["received_at_ms"] >= arguments.since:
                    merge(pageviews, portal, record)
        kinds = lambda view: {event["kind"] for event in view["events"].values()}
        return any(set(arguments.want) <= kinds(view) for view in pageviews[arguments.portal].values())

    until(all_there, arguments.seconds)
    for views in pageviews.values():
        for view in views.values():
            view["events"] = [view["events"][seq] for seq in sorted(view["events"])]
    print(json.dumps({portal: list(views.values()) for portal, views in pageviews.items()}))


main()
