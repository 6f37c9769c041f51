#!/usr/bin/env python3
"""Holds the requests that our Qdrant back end makes against the models that Qdrant generates from its
OpenAPI document.

usage: qdrant_requests.py [FILE]    with a Python that has the package qdrant-client

Prints a line a request; the exit status is 1 if one is not what Qdrant's API takes.
"""
import json
import re
import sys
from pathlib import Path

from pydantic import ValidationError
from qdrant_client.http import models

DEFAULT = Path(__file__).parents[2] / 'src/vectordb/testdata/qdrant_requests.jsonl'
NAME = r'/collections/[^/?]+'
# Method and path, and the model of the body; None: there is none.
ROUTES = [
    ('GET', NAME, None),
    ('GET', NAME + r'/points/[0-9a-f-]{36}', None),
    ('DELETE', NAME, None),
    ('PUT', NAME, models.CreateCollection),
    ('PUT', NAME + r'/index\?wait=true', models.CreateFieldIndex),
    ('PUT', NAME + r'/points\?wait=true', models.PointsList),
    ('POST', NAME + r'/points/delete\?wait=true', models.FilterSelector),
    ('POST', NAME + r'/points/delete\?wait=true', models.PointIdsList),
    ('POST', NAME + r'/points/payload\?wait=true', models.SetPayload),
    ('POST', NAME + r'/points/query/batch', models.QueryRequestBatch),
    ('POST', NAME + r'/points/scroll', models.ScrollRequest),
]


def check(request):
    """What is wrong with it, or an empty string."""
    problem = 'no such route'
    for method, path, model in ROUTES:
        if method != request['method'] or not re.fullmatch(path, request['path']):
            continue
        if model is None:
            return '' if request['body'] is None else 'a body where there is none'
        try:
            read = model.model_validate(request['body'])
        except ValidationError as error:
            problem = str(error)
            continue
        # What the model did not understand it would have left out.
        written = json.loads(read.model_dump_json(exclude_unset=True, by_alias=True))
        if written == request['body']:
            return ''
        problem = f'read as {json.dumps(written)}'
    return problem


def main(path):
    wrong = 0
    for line in Path(path).read_text().splitlines():
        request = json.loads(line)
        problem = check(request)
        wrong += bool(problem)
        print(request['method'], request['path'], problem or 'ok')
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT)
