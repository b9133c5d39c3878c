"""The evaluation of alarms against the tables of CloudWatch's documentation (alarms-and-missing-data), and against sums done by hand."""

import unittest

from evaluation import Point, decide, grain_s, range_start_s, state, statistic, values

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
OK, ALARM, UNKNOWN, AS_IT_WAS = "OK", "ALARM", "INSUFFICIENT_DATA", None
# Most recent on the right; 0 does not breach, X does, - is missing. Then the state by treatment, in the order above.
THREE_OF_THREE = [
    ("0 - X - X", OK, OK, OK, OK),
    ("0 - - - -", OK, OK, OK, OK),
    ("- - - - -", UNKNOWN, AS_IT_WAS, ALARM, OK),
    ("0 X X - X", ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", ALARM, AS_IT_WAS, ALARM, OK),
    # From the text below the tables: too early for missing.
    ("- - - X -", OK, OK, ALARM, OK),
    ("- - - - X", OK, OK, ALARM, OK),
    ("- - X - 0", OK, OK, OK, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", OK, OK, ALARM, OK),
    ("- - - - 0", OK, OK, ALARM, OK),
    ("- - - X -", ALARM, AS_IT_WAS, ALARM, OK),
]


def alarm(**other):
    return {"Period": 10, "EvaluationPeriods": 3, "Statistic": "Sum", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0,
            "TreatMissingData": "notBreaching"} | other


def point(start_s, total, samples=1.0):
    return Point(start_s, samples, total, total / samples, total / samples)


class Tables(unittest.TestCase):
    def check(self, table, to_alarm):
        for text, *expected in table:
            breaches = [{"0": False, "X": True, "-": None}[mark] for mark in text.split()]
            for missing, wanted in zip(TREATMENTS, expected):
                with self.subTest(text, missing=missing):
                    self.assertEqual(decide(breaches, 3, to_alarm, missing), wanted)

    def test_three_of_three(self):
        self.check(THREE_OF_THREE, 3)

    def test_two_of_three(self):
        self.check(TWO_OF_THREE, 2)

    def test_breaching_needs_the_last_good_point_to_leave_the_range(self):
        heartbeat = [False, False, None, None, None, None, None]
        states = [decide(heartbeat[first:first + 5], 3, 3, "breaching") for first in range(3)]
        self.assertEqual(states, [OK, OK, ALARM])


class Figures(unittest.TestCase):
    def test_an_average_is_weighted_by_its_samples(self):
        one_of_a_thousand, one_of_one = Point(0, 1000, 1, 0, 1), Point(0, 1, 1, 1, 1)
        self.assertAlmostEqual(statistic("Average", [one_of_a_thousand, one_of_one]), 2 / 1001)
        self.assertEqual(statistic("Sum", [one_of_a_thousand, one_of_one]), 2)
        self.assertEqual(statistic("Minimum", [one_of_a_thousand, one_of_one]), 0)
        self.assertEqual(statistic("Maximum", [one_of_a_thousand, one_of_one]), 1)

    def test_nothing_is_missing_and_no_zero(self):
        self.assertIsNone(statistic("Sum", []))
        self.assertIsNone(statistic("Average", [Point(0, 0, 0, 0, 0)]))
        self.assertEqual(statistic("Sum", [point(0, 0)]), 0)

    def test_periods_end_with_the_clock_and_the_present_one_is_not_judged(self):
        found = values(alarm(), [point(990, 6), point(1000, 7), point(1010, 8)], 1019)
        self.assertEqual(found, [None, None, None, 6, 7])

    def test_a_longer_period_slides_by_its_grain(self):
        points = [point(start, 1) for start in range(940, 1010, 10)]
        self.assertEqual(values(alarm(Period=30, EvaluationPeriods=1), points, 1012), [1, 3, 3])
        self.assertEqual(values(alarm(Period=30, EvaluationPeriods=1), points, 1022), [2, 3, 2])

    def test_how_often_and_how_far_back(self):
        self.assertEqual([grain_s(period) for period in (10, 30, 60, 300)], [10, 10, 60, 60])
        self.assertEqual(range_start_s(alarm(Period=300, EvaluationPeriods=1), 3661), 3660 - 900)

    def test_each_operator_at_its_limit(self):
        limits = {"GreaterThanThreshold": OK, "GreaterThanOrEqualToThreshold": ALARM, "LessThanThreshold": OK,
                  "LessThanOrEqualToThreshold": ALARM}
        for name, wanted in limits.items():
            with self.subTest(name):
                self.assertEqual(state(alarm(EvaluationPeriods=1, ComparisonOperator=name), [None, None, 5.0]), wanted)

    def test_without_a_number_to_alarm_all_periods_are_needed(self):
        self.assertEqual(state(alarm(), [None, None, 1, 9, 9]), OK)
        self.assertEqual(state(alarm(DatapointsToAlarm=2), [None, None, 1, 9, 9]), ALARM)


if __name__ == "__main__":
    unittest.main()
