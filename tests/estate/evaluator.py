"""Evaluates every metric alarm of the stand-in every two seconds, as CloudWatch documents it, and sets what has changed.

It uses the public API alone (DescribeAlarms, GetMetricData, SetAlarmState); what follows from a state, SNS and composite alarms, is the
stand-in's own. Prints a line of JSON for each change: at_s, alarm, from, to, reason. SIGTERM ends it.
"""

import argparse
import json
import math
import time
from datetime import datetime, timezone

from evaluation import Point, grain_s, range_start_s, state, values
from local import client

PAUSE_S = 2
# What GetMetricData takes at once.
QUERIES_MAX = 500
STATISTICS = ("SampleCount", "Sum", "Minimum", "Maximum")


def described(cloudwatch):
    """Alarms of one metric; one that calculates with several (refused-unusual) is CloudWatch's alone."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    return [alarm for page in pages for alarm in page["MetricAlarms"] if alarm.get("MetricName")]


def series(alarm):
    """What tells one series of figures from another."""
    dimensions = tuple(sorted((d["Name"], d["Value"]) for d in alarm["Dimensions"]))
    return alarm["Namespace"], alarm["MetricName"], dimensions, grain_s(alarm["Period"])


def query(index, key, statistic):
    namespace, name, dimensions, grain = key
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions]}
    return {"Id": f"m{index}_{statistic.lower()}", "MetricStat": {"Metric": metric, "Period": grain, "Stat": statistic}}


def read(cloudwatch, keys, start_s, now_s):
    """{series: [Point]} since then."""
    queries = [query(index, key, statistic) for index, key in enumerate(keys) for statistic in STATISTICS]
    found = {}
    for first in range(0, len(queries), QUERIES_MAX):
        # The stand-in tells nothing newer than EndTime; what is being gathered now is not judged anyway.
        answer = cloudwatch.get_metric_data(
            MetricDataQueries=queries[first:first + QUERIES_MAX], StartTime=start_s, EndTime=math.ceil(now_s))
        for result in answer["MetricDataResults"]:
            starts = [int(at.timestamp()) for at in result["Timestamps"]]
            found[result["Id"]] = dict(zip(starts, result["Values"]))
    points = {}
    for index, key in enumerate(keys):
        by_statistic = [found[f"m{index}_{statistic.lower()}"] for statistic in STATISTICS]
        points[key] = [Point(start, *(values[start] for values in by_statistic)) for start in sorted(by_statistic[0])]
    return points


def reason(alarm, found):
    said = ", ".join("missing" if value is None else f"{value:g}" for value in found)
    wanted = f"{alarm.get('DatapointsToAlarm', alarm['EvaluationPeriods'])} of {alarm['EvaluationPeriods']}"
    return f"{alarm['Statistic']} of the last periods: {said}; {wanted} {alarm['ComparisonOperator']} {alarm['Threshold']:g}"


def evaluate(cloudwatch, now_s):
    """One round; says what changed."""
    alarms = described(cloudwatch)
    keys = sorted({series(alarm) for alarm in alarms})
    if not keys:
        return
    points = read(cloudwatch, keys, min(range_start_s(alarm, now_s) for alarm in alarms), now_s)
    for alarm in alarms:
        found = values(alarm, points[series(alarm)], now_s)
        now = state(alarm, found)
        if now is None or now == alarm["StateValue"]:
            continue
        why = reason(alarm, found)
        cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=now, StateReason=why)
        line = {"at_s": round(now_s, 1), "alarm": alarm["AlarmName"], "from": alarm["StateValue"], "to": now, "reason": why}
        print(json.dumps(line), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments = arguments.parse_args()
    cloudwatch = client(arguments.endpoint, "cloudwatch")
    while True:
        evaluate(cloudwatch, datetime.now(timezone.utc).timestamp())
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
