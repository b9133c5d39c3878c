"""Reads the portals' event streams with boto3, knowing nothing of our own code."""

import json
import os
import time
import tomllib
from pathlib import Path

import boto3
import jsonschema

ROOT = Path(__file__).resolve().parents[2]


def client(endpoint, service="kinesis"):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
    )


def envelope_schema():
    """The JSON Schema of a record, ready to validate."""
    return jsonschema.Draft202012Validator(json.loads((ROOT / "wire/schema/envelope.schema.json").read_text()))


def event_streams():
    """{portal id: name of its event stream}, from portals.toml."""
    portals = tomllib.loads((ROOT / "portals.toml").read_text())["portal"]
    return {p["id"]: p.get("events_stream", f"pulso-{p['id']}-events") for p in portals}


class Reader:
    """All records of one stream from its beginning; `read` returns what is new."""

    def __init__(self, kinesis, stream):
        self.kinesis = kinesis
        shards = kinesis.list_shards(StreamName=stream)["Shards"]
        self.iterators = [
            kinesis.get_shard_iterator(StreamName=stream, ShardId=s["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            for s in shards
        ]

    def read(self):
        records = []
        for index, iterator in enumerate(self.iterators):
            while iterator:
                page = self.kinesis.get_records(ShardIterator=iterator, Limit=10000)
                iterator = page.get("NextShardIterator")
                records += page["Records"]
                if not page["Records"]:
                    break
            self.iterators[index] = iterator
        return [json.loads(record["Data"]) for record in records]


def until(condition, seconds, pause=0.2):
    """Calls `condition` until it is true; its last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(pause)
