"""The retry queue in SQS, looked at with boto3.

  make        makes it and its dead-letter queue, as an operator has to; prints their URLs
  poison      puts messages into it that can never be stored; prints how many
  count       messages that wait in it and in the dead-letter queue, hidden and delayed ones included
  hold        holds what is in the queue, and in the streams, against a generator's ledger (a look counts as a delivery)
  deliveries  uses up the deliveries of all messages, so that the redrive policy moves them to the dead-letter queue
  buried      whether the dead-letter queue has all of the poison, and what else
"""

import argparse
import json
import time

from ledger import accepted, event_ids, read_ledger
from streams import ROOT, Reader, client, envelope_schema, event_streams

QUEUE, DEAD = "pulso-retry", "pulso-retry-dead"
ACCOUNT = "000000000000"
# The longest that SQS knows. A message keeps its age when it moves to the dead-letter queue.
RETENTION_S = 14 * 86_400
DELIVERIES_MAX = 100
# How long messages stay hidden that somebody else looks at: the worker's and redrive's first delays.
PATIENCE_S = 30


class Queues:
    """Both queues."""

    def __init__(self, endpoint):
        self.sqs = client(endpoint, "sqs")
        self.url, self.dead = (f"{endpoint}/{ACCOUNT}/{name}" for name in (QUEUE, DEAD))

    def make(self):
        retention = {"MessageRetentionPeriod": str(RETENTION_S)}
        self.sqs.create_queue(QueueName=DEAD, Attributes=retention)
        self.sqs.create_queue(QueueName=QUEUE, Attributes=retention)
        self.limit(DELIVERIES_MAX)

    def limit(self, deliveries):
        dead_arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": deliveries}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"RedrivePolicy": json.dumps(policy)})

    def size(self, url):
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        kinds = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"
        return sum(int(attributes[kind]) for kind in kinds)

    def look(self, url):
        """The bodies of all messages, which then are visible again; waits for those that are hidden or delayed."""
        size, seen, deadline = self.size(url), {}, time.monotonic() + PATIENCE_S
        while len(seen) < size and time.monotonic() < deadline:
            got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60, WaitTimeSeconds=0)
            seen.update({message["MessageId"]: message for message in got.get("Messages", [])})
            if "Messages" not in got:
                time.sleep(0.2)
        messages = list(seen.values())
        for some in (messages[first:first + 10] for first in range(0, len(messages), 10)):
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for i, m in enumerate(some)]
            self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        return [message["Body"] for message in messages]


def poison():
    """Messages that can never be stored, each of another kind, made of a good one."""
    good = (ROOT / "wire/tests/golden/retry_message.txt").read_text()
    header, record = good.split("\n", 1)

    def headed(**changes):
        return json.dumps({**json.loads(header), **changes}) + "\n" + record

    return [
        "not a retry message",
        "{}\n{}",
        header,
        header + "\n{}",
        header + "\n" + record[:100],
        good + record,
        headed(v=2),
        headed(portal="gone"),
        headed(portal="ge"),
        headed(key="k" * 257),
    ]


def hold(queues, endpoint, ledger):
    wanted, schema = accepted(read_ledger(ledger)).keys(), envelope_schema()
    kinesis = client(endpoint)
    streamed = {i for stream in event_streams().values() for record in Reader(kinesis, stream).read() for i in event_ids(record)}
    bodies = queues.look(queues.url)
    queued = set()
    for envelope in (json.loads(body.split("\n", 1)[1]) for body in bodies):
        schema.validate(envelope)
        queued.update(event_ids(envelope))
    return {
        "accepted": len(wanted), "in_stream": len(wanted & streamed), "in_queue": len(wanted & queued),
        "nowhere": len(wanted - streamed - queued), "unknown": len((streamed | queued) - wanted),
        "messages": len(bodies),
    }


def buried(queues):
    bodies, unfit = queues.look(queues.dead), set(poison())
    return {"messages": len(bodies), "poison": len(unfit), "poison_here": len(unfit & set(bodies))}


def deliveries(queues):
    """Uses up the deliveries of all messages; waits for those that are hidden or delayed."""
    queues.limit(1)
    deadline = time.monotonic() + PATIENCE_S
    while queues.size(queues.url) and time.monotonic() < deadline:
        # The policy acts when somebody receives.
        queues.sqs.receive_message(QueueUrl=queues.url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1)
    queues.limit(DELIVERIES_MAX)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("what", choices=["make", "poison", "count", "hold", "deliveries", "buried"])
    arguments.add_argument("--ledger")
    arguments = arguments.parse_args()
    queues = Queues(arguments.endpoint)
    if arguments.what == "make":
        queues.make()
        print(queues.url, queues.dead)
        return
    if arguments.what == "poison":
        for body in poison():
            queues.sqs.send_message(QueueUrl=queues.url, MessageBody=body)
    if arguments.what == "deliveries":
        deliveries(queues)
    if arguments.what == "hold":
        print(json.dumps(hold(queues, arguments.endpoint, arguments.ledger)))
    elif arguments.what == "buried":
        print(json.dumps(buried(queues)))
    else:
        print(json.dumps({"waiting": queues.size(queues.url), "dead": queues.size(queues.dead)}))


main()
