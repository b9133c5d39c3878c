"""One request to the running worker; every answer is held against edge/openapi.yaml, good and bad alike."""

import http.client
import json
import os
import pathlib

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORT = int(os.environ["PULSO_PORT"])
SECRET = os.environ["PULSO_ADMIN_SECRET"]
ORIGIN = f"http://g1.localhost:{PORT}"
DOCUMENT = yaml.safe_load((ROOT / "edge/openapi.yaml").read_text())


def call(method, path, body=None, origin=ORIGIN, content_type="text/plain", chunked=False, **headers):
    """One request; its answer is held against the document. (status, parsed body, headers)"""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    if origin is not None:
        headers["Origin"] = origin
    if content_type is not None and body is not None:
        headers["Content-Type"] = content_type
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    connection.request(method, path, iter([body]) if chunked else body, headers, encode_chunked=chunked)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    answer = json.loads(text) if text else None
    hold_to_document(method, path.split("?")[0], response.status, answer)
    return response.status, answer, response.headers


def hold_to_document(method, path, status, answer):
    for template, operations in DOCUMENT["paths"].items():
        parts, wanted = path.split("/"), template.split("/")
        if len(parts) == len(wanted) and all(w == p or w.startswith("{") for p, w in zip(parts, wanted)):
            operation = operations.get(method.lower())
            # A wrong method has no operation; what it answers is the common error.
            if operation is not None:
                responses = operation["responses"]
                assert str(status) in responses, f"{method} {path} answered {status}, openapi.yaml knows {list(responses)}"
                promised = resolve(responses[str(status)])
                if "content" in promised:
                    validate(answer, promised["content"]["application/json"]["schema"])
                else:
                    assert answer is None, f"{method} {path} {status} should have no body"
                return
    validate(answer, {"$ref": "#/components/schemas/ErrorBody"})


def resolve(node):
    if "$ref" in node:
        name = node["$ref"].split("/")
        node = DOCUMENT
        for part in name[1:]:
            node = node[part]
    return node


def validate(answer, schema):
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer)
