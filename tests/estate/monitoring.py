"""The monitoring of one machine, in the stand-in: topics, a queue that hears of every alarm, and the alarms of backend/infra.

deploy prints JSON: the queue's URL, the topics, the names of all alarms. follow prints a line of JSON for each message of the queue:
at_s, topic, alarm, state, from, description, reason. put puts figures by hand (`[{"metric": …}]` on standard input, as PutMetricData takes them).
plant puts an alarm of another stage beside a right one: its dimensions fit nothing, it must stay silent. poison puts into a stream what is
no record. states prints the state of every alarm, said how many lines of an event the worker wrote into its log group.
"""

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path

from local import client, deploy
from template import load

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "backend/infra"
TOPICS = ("pulso-page", "pulso-ticket", "pulso-people")
QUEUE = "pulso-alarms"
EDGE_LOG = "/pulso/edge"
RUNBOOK = "https://github.com/pulso/pulso/blob/main/backend/infra/RUNBOOK.md"
# What exists in an account alone, by names that the rows of figures put by hand use.
ON_PAPER = {"SqsQueueName": "pulso-retry", "SqsDeadQueueName": "pulso-retry-dead", "ClusterName": "pulso", "ServiceName": "pulso-backend",
            "NotifierFunctionName": "pulso-notifier"}
# The stand-in gives so many messages at once, and holds the call open for so long.
MESSAGES_MAX, WAIT_S = 10, 2


def portals():
    return tomllib.loads((ROOT / "portals.toml").read_text())["portal"]


def make_topics(endpoint):
    """Topics and the queue that is subscribed to all of them."""
    sns, sqs = client(endpoint, "sns"), client(endpoint, "sqs")
    url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = {name: sns.create_topic(Name=name)["TopicArn"] for name in TOPICS}
    # As in an account: a topic may not send to a queue that does not admit it.
    admits = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
              "Condition": {"ArnEquals": {"aws:SourceArn": list(topics.values())}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [admits]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    for topic in topics.values():
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url, topics


def make_log(endpoint):
    """Where the worker writes what its log says, as logs.yaml makes it."""
    logs = client(endpoint, "logs")
    logs.create_log_group(logGroupName=EDGE_LOG)
    logs.create_log_stream(logGroupName=EDGE_LOG, logStreamName="worker")


def said(endpoint, event):
    """How many lines the worker wrote there of an event."""
    pages = client(endpoint, "logs").get_paginator("filter_log_events").paginate(logGroupName=EDGE_LOG)
    lines = [json.loads(line["message"]) for page in pages for line in page["events"]]
    return sum(line["event"] == event for line in lines)


def make_alarms(endpoint, arguments):
    url, topics = make_topics(endpoint)
    make_log(endpoint)
    shared = {"PeriodSeconds": arguments.period_s, "RunbookUrl": RUNBOOK, "PageTopic": topics["pulso-page"],
              "TicketTopic": topics["pulso-ticket"]}
    of_all = {"PeopleTopic": topics["pulso-people"], "BacklogMessages": arguments.backlog, **(ON_PAPER if arguments.with_paper else {})}
    deploy(endpoint, INFRA / "alarms.yaml", "pulso-alarms", shared | of_all)
    for portal in portals():
        name = portal["id"]
        own = {"Portal": name, "SlowSeconds": arguments.slow_s, "ModelAgeSeconds": arguments.model_age_s, "FarBehindMs": 8640000,
               "EventsStream": portal.get("events_stream", f"pulso-{name}-events"), "WithAnomalyDetection": "false",
               "InteractionsStream": portal.get("interactions_stream", f"pulso-{name}-interactions"),
               "FirehoseName": f"pulso-{name}-archive" if arguments.with_paper else ""}
        for file in ("alarms-portal", "alarms-portal-late"):
            template = INFRA / f"{file}.yaml"
            wanted = load(template.read_text())["Parameters"]
            given = {parameter: value for parameter, value in (shared | own).items() if parameter in wanted}
            deploy(endpoint, template, f"pulso-{file}-{name}", given)
    return {"queue_url": url, "topics": topics, "alarms": sorted(alarms(endpoint))}


def alarms(endpoint):
    """{name: state} of all, composites too."""
    pages = client(endpoint, "cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {alarm["AlarmName"]: alarm["StateValue"] for page in pages for alarm in page["MetricAlarms"] + page["CompositeAlarms"]}


def plant(endpoint, name, planted):
    """A copy of an alarm whose dimensions name a stage that is none."""
    cloudwatch = client(endpoint, "cloudwatch")
    alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    taken = ("Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator",
             "TreatMissingData", "AlarmActions", "OKActions")
    dimensions = [d | {"Value": "nowhere"} if d["Name"] == "StageName" else d for d in alarm["Dimensions"]]
    cloudwatch.put_metric_alarm(AlarmName=planted, Dimensions=dimensions, **{key: alarm[key] for key in taken})


def put(endpoint, figures):
    """Each with its namespace; CloudWatch takes 1,000 at once."""
    cloudwatch = client(endpoint, "cloudwatch")
    for namespace in sorted({figure["Namespace"] for figure in figures}):
        data = [{key: value for key, value in figure.items() if key != "Namespace"} for figure in figures if figure["Namespace"] == namespace]
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def poison(endpoint, stream):
    client(endpoint, "kinesis").put_record(StreamName=stream, PartitionKey="poison", Data=b"no envelope\n")


def follow(endpoint, url):
    """Prints each message and deletes it, until a signal comes."""
    sqs = client(endpoint, "sqs")
    while True:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=MESSAGES_MAX, WaitTimeSeconds=WAIT_S).get("Messages", []):
            envelope = json.loads(message["Body"])
            alarm = json.loads(envelope["Message"])
            line = {"at_s": round(time.time(), 1), "topic": envelope["TopicArn"].rsplit(":", 1)[1], "alarm": alarm["AlarmName"],
                    "state": alarm["NewStateValue"], "from": alarm["OldStateValue"], "description": alarm["AlarmDescription"],
                    "reason": alarm["NewStateReason"]}
            print(json.dumps(line, ensure_ascii=False), flush=True)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    what = arguments.add_subparsers(dest="what", required=True)
    making = what.add_parser("deploy")
    making.add_argument("--period-s", type=int, default=10)
    making.add_argument("--slow-s", type=int, required=True)
    making.add_argument("--model-age-s", type=int, required=True)
    making.add_argument("--backlog", type=int, default=1000)
    making.add_argument("--with-paper", action="store_true", help="also the alarms of services that are not here")
    following = what.add_parser("follow")
    following.add_argument("--queue-url", required=True)
    planting = what.add_parser("plant")
    planting.add_argument("--alarm", required=True)
    planting.add_argument("--as", dest="planted", required=True)
    poisoning = what.add_parser("poison")
    poisoning.add_argument("--stream", required=True)
    saying = what.add_parser("said")
    saying.add_argument("--event", required=True)
    what.add_parser("states")
    what.add_parser("put")
    arguments = arguments.parse_args()
    if arguments.what == "deploy":
        print(json.dumps(make_alarms(arguments.endpoint, arguments)))
    elif arguments.what == "follow":
        follow(arguments.endpoint, arguments.queue_url)
    elif arguments.what == "plant":
        plant(arguments.endpoint, arguments.alarm, arguments.planted)
    elif arguments.what == "poison":
        poison(arguments.endpoint, arguments.stream)
    elif arguments.what == "said":
        print(said(arguments.endpoint, arguments.event))
    elif arguments.what == "states":
        print(json.dumps(alarms(arguments.endpoint)))
    else:
        put(arguments.endpoint, json.load(sys.stdin))


if __name__ == "__main__":
    main()
