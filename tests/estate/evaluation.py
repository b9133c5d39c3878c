"""Decides an alarm's state as CloudWatch documents it. Pure: figures and time in, a state out.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html: an alarm whose period is 10, 20 or 30 s is evaluated
every 10 s, any other every minute, over windows that end then; so a period of five minutes slides by a minute.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: the last N data points that exist decide, and
CloudWatch looks further back than N periods for them; what is still missing is filled in.
"""

import operator
from dataclasses import dataclass

# How much further back than N periods: CloudWatch does not tell; its documentation calculates with 5 periods for N = 3.
EXTRA_PERIODS = 2
HIGH_RESOLUTION_S = (10, 20, 30)
OPERATORS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Point:
    """What one stretch of `grain_s` seconds holds of a metric."""

    start_s: int
    samples: float
    total: float
    low: float
    high: float


def grain_s(period_s):
    """How often an alarm of this period is evaluated."""
    return 10 if period_s in HIGH_RESOLUTION_S else 60


def range_start_s(alarm, now_s):
    """From when on data can matter."""
    return last_end_s(alarm, now_s) - alarm["Period"] * (alarm["EvaluationPeriods"] + EXTRA_PERIODS)


def last_end_s(alarm, now_s):
    grain = grain_s(alarm["Period"])
    return int(now_s // grain) * grain


def values(alarm, points, now_s):
    """The alarm's statistic of each period of its evaluation range, oldest first; None where nothing came."""
    count, period, end = alarm["EvaluationPeriods"] + EXTRA_PERIODS, alarm["Period"], last_end_s(alarm, now_s)
    starts = [end - period * (count - index) for index in range(count)]
    return [statistic(alarm["Statistic"], [p for p in points if start <= p.start_s < start + period]) for start in starts]


def statistic(name, points):
    """Exact over points: an average is weighted by what each was made of."""
    points = [point for point in points if point.samples > 0]
    if not points:
        return None
    samples, total = sum(point.samples for point in points), sum(point.total for point in points)
    return {
        "SampleCount": samples,
        "Sum": total,
        "Average": total / samples,
        "Minimum": min(point.low for point in points),
        "Maximum": max(point.high for point in points),
    }[name]


def state(alarm, found):
    """OK, ALARM, INSUFFICIENT_DATA, or None: as it was. `found` is what `values` tells."""
    is_over = OPERATORS[alarm["ComparisonOperator"]]
    breaches = [None if value is None else is_over(value, alarm["Threshold"]) for value in found]
    return decide(breaches, alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
                  alarm.get("TreatMissingData", "missing"))


def decide(breaches, periods, to_alarm, missing):
    """`breaches`, oldest first: whether each data point of the range breaches; None is missing."""
    real = [breach for breach in breaches if breach is not None]
    if len(real) >= periods:
        return "ALARM" if sum(real[-periods:]) >= to_alarm else "OK"
    breaching, filled = sum(real), periods - len(real)
    if missing == "breaching":
        return "ALARM" if breaching + filled >= to_alarm else "OK"
    if missing == "notBreaching":
        return "ALARM" if breaching >= to_alarm else "OK"
    if not real:
        return "INSUFFICIENT_DATA" if missing == "missing" else None
    if breaching >= to_alarm:
        return "ALARM"
    if is_premature(breaches, to_alarm):
        return "ALARM" if missing == "missing" else None
    return "OK"


def is_premature(breaches, to_alarm):
    """The oldest breach is as old as would be enough, and nothing good was seen: no longer a mere beginning.

    The text of the documentation asks for nothing good *after* it; its own table (`0 - X - -`, 2 of 3: OK) for none at all.
    """
    return True in breaches and False not in breaches and len(breaches) - breaches.index(True) >= to_alarm
