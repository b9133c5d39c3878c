"""Deletes or makes a stream in the AWS stand-in: `stream.py --endpoint URL delete|make NAME`."""

import argparse

import boto3


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--endpoint", required=True)
    arguments.add_argument("what", choices=("delete", "make"))
    arguments.add_argument("name")
    arguments = arguments.parse_args()
    kinesis = boto3.client("kinesis", endpoint_url=arguments.endpoint, region_name="us-east-1")
    if arguments.what == "delete":
        kinesis.delete_stream(StreamName=arguments.name, EnforceConsumerDeletion=True)
    else:
        try:
            kinesis.create_stream(StreamName=arguments.name, ShardCount=1)
        except kinesis.exceptions.ResourceInUseException:
            pass  # A backend in development was faster.


main()
