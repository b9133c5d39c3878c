"""Looks into the worker's bucket with boto3: prints all objects of a prefix as JSON [{key, etag, text}], in the order of their keys.

With --replace KEY it writes the text of standard input over that object instead, as an operator who mends one would.
"""

import argparse
import json
import sys

import boto3


def objects(bucket, name, prefix):
    found = []
    for page in bucket.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix):
        for listed in page.get("Contents", []):
            try:
                answer = bucket.get_object(Bucket=name, Key=listed["Key"])
            except bucket.exceptions.NoSuchKey:
                continue  # The worker was faster.
            found.append({"key": listed["Key"], "etag": answer["ETag"], "text": answer["Body"].read().decode()})
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("--bucket", required=True)
    arguments.add_argument("--key", nargs=2, required=True, metavar=("ID", "SECRET"))
    what = arguments.add_mutually_exclusive_group(required=True)
    what.add_argument("--prefix")
    what.add_argument("--replace", metavar="KEY")
    arguments = arguments.parse_args()

    key_id, secret = arguments.key
    bucket = boto3.client(
        "s3", endpoint_url=arguments.endpoint, region_name="auto", aws_access_key_id=key_id, aws_secret_access_key=secret)
    if arguments.replace:
        bucket.head_object(Bucket=arguments.bucket, Key=arguments.replace)
        bucket.put_object(Bucket=arguments.bucket, Key=arguments.replace, Body=sys.stdin.read().encode())
    else:
        print(json.dumps(objects(bucket, arguments.bucket, arguments.prefix)))


main()
