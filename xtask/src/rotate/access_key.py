"""A user's access keys in IAM: make a second one, make one inactive or active, delete one.

`make` prints `id secret id-of-the-one-before`, once AWS knows the new key everywhere it was asked.
"""

import argparse
import os
import sys
import time

import boto3
from botocore.exceptions import ClientError

# AWS says that a new key may take some seconds.
KNOWN_PATIENCE_S = 60
# One answer may come from a place that knows it before others do.
KNOWN_IN_A_ROW = 3
PAUSE_S = 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True)
    parser.add_argument("--endpoint")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("make")
    for name in ("activate", "deactivate", "delete"):
        what.add_parser(name).add_argument("id")
    return parser.parse_args()


def make(iam, user, endpoint):
    before = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    if len(before) != 1:
        sys.exit(f"{user} has {len(before)} access keys and has to have one: delete what an earlier change left")
    key = iam.create_access_key(UserName=user)["AccessKey"]
    try:
        await_known(key, endpoint)
    except BaseException:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        raise
    print(key["AccessKeyId"], key["SecretAccessKey"], before[0]["AccessKeyId"])


def await_known(key, endpoint):
    """Whoever has a key may ask who he is, whatever else he may not."""
    sts = boto3.client("sts", endpoint_url=endpoint, region_name=os.environ.get("AWS_REGION", "us-east-1"), aws_access_key_id=key["AccessKeyId"],
                       aws_secret_access_key=key["SecretAccessKey"], aws_session_token=None)
    deadline = time.monotonic() + KNOWN_PATIENCE_S
    in_a_row = 0
    while in_a_row < KNOWN_IN_A_ROW:
        try:
            sts.get_caller_identity()
            in_a_row += 1
        except ClientError as error:
            in_a_row = 0
            if time.monotonic() > deadline:
                sys.exit(f"the new access key is not known after {KNOWN_PATIENCE_S} s: {error}")
        time.sleep(PAUSE_S if endpoint is None else 0.05)


def main():
    given = arguments()
    iam = boto3.client("iam", endpoint_url=given.endpoint, region_name=os.environ.get("AWS_REGION", "us-east-1"))
    if given.what == "make":
        make(iam, given.user, given.endpoint)
    elif given.what == "delete":
        iam.delete_access_key(UserName=given.user, AccessKeyId=given.id)
    else:
        status = "Active" if given.what == "activate" else "Inactive"
        iam.update_access_key(UserName=given.user, AccessKeyId=given.id, Status=status)


main()
