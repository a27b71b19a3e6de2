"""Loaded by schemathesis: lends every second request an id that is there, or a key of its own, and counts the answers by operation."""

import atexit
import collections
import itertools
import json
import os

import schemathesis

known = {name: itertools.cycle(ids) for name, ids in json.loads(os.environ.get("KNOWN_IDS", "{}")).items()}
turns = itertools.count()
answers = collections.defaultdict(collections.Counter)


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    turn = next(turns)
    if turn % 2:
        return
    ids = known.get(case.operation.label)
    if ids and "id" in case.path_parameters:
        case.path_parameters["id"] = next(ids)
    for name in list(case.headers or {}):
        # A tag that was made up fits nothing; a key that was used with another request is refused.
        if ids and name.lower() in ("if-match", "if-none-match"):
            del case.headers[name]
        if name.lower() == "idempotency-key":
            case.headers[name] = f"turn-{turn}"


@schemathesis.hook
def after_call(context, case, response):
    answers[case.operation.label][response.status_code] += 1


@atexit.register
def write():
    path = os.environ.get("ANSWERS_FILE")
    if path and answers:
        with open(path, "w") as file:
            json.dump(answers, file)
