"""What Qdrant's own Python client does in memory, behind the part of its REST API that we use.

usage: qdrant_local.py PORT    with a Python that has the package qdrant-client

No package has Qdrant's server. This one has its authors' reading of filters, searches and payloads,
and none of its concurrency, storage or limits. By hand: with RAGE_TEST_QDRANT=PYTHON,
tests/integration/test_store.py runs against it as well.
"""
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from qdrant_client import QdrantClient
from qdrant_client.http import models

CLIENT = QdrantClient(':memory:')
LOCK = threading.Lock()


class NotFound(Exception):
    pass


def plain(value):
    """As JSON: models say how, and so do lists of them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return json.loads(value.model_dump_json()) if hasattr(value, 'model_dump_json') else value


def filter_of(body):
    return models.Filter.model_validate(body['filter']) if body.get('filter') else None


def search(name, body):
    found = CLIENT.query_points(name, query=body['query'], using=body['using'], limit=body['limit'],
                                query_filter=filter_of(body), with_payload=body['with_payload'])
    return {'points': plain(found.points)}


def scroll(name, body):
    points, following = CLIENT.scroll(name, scroll_filter=filter_of(body), limit=body['limit'],
                                      offset=body.get('offset'), with_payload=body['with_payload'],
                                      with_vectors=body['with_vector'])
    return {'points': plain(points), 'next_page_offset': following}


def upsert(name, body):
    CLIENT.upsert(name, [models.PointStruct.model_validate(point) for point in body['points']])
    return True


def delete(name, body):
    selector = (models.PointIdsList(points=body['points']) if 'points' in body
                else models.FilterSelector(filter=filter_of(body)))
    CLIENT.delete(name, selector)
    return True


def create(name, body):
    vectors = body['vectors']
    config = (models.VectorParams.model_validate(vectors) if 'size' in vectors else
              {key: models.VectorParams.model_validate(value) for key, value in vectors.items()})
    return CLIENT.create_collection(name, vectors_config=config)


def point(name, id_):
    found = CLIENT.retrieve(name, [id_])
    if not found:
        raise NotFound
    return plain(found[0])


ROUTES = {
    ('GET', ''): lambda name, _: plain(CLIENT.get_collection(name)),
    ('PUT', ''): create,
    ('DELETE', ''): lambda name, _: CLIENT.delete_collection(name),
    ('PUT', '/index'): lambda *_: True,
    ('PUT', '/points'): upsert,
    ('POST', '/points/delete'): delete,
    ('POST', '/points/payload'):
        lambda name, body: plain(CLIENT.set_payload(name, body['payload'], body['points'])),
    ('POST', '/points/scroll'): scroll,
    ('POST', '/points/query/batch'):
        lambda name, body: [search(name, one) for one in body['searches']],
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self):
        length = int(self.headers.get('content-length') or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.split('?')[0]
        name, rest = re.fullmatch(r'/collections/([^/]+)(/.*)?', path).groups()
        name, rest = unquote(name), rest or ''
        status, reply = 200, {'status': 'ok', 'time': 0.0}
        with LOCK:
            try:
                if not CLIENT.collection_exists(name) and (self.command, rest) != ('PUT', ''):
                    raise NotFound
                one = re.fullmatch(r'/points/([0-9a-f-]{36})', rest)
                reply['result'] = (point(name, one[1]) if one
                                   else ROUTES[self.command, rest](name, body))
            except NotFound:
                status, reply = 404, {'status': {'error': 'Not found'}, 'time': 0.0}
        payload = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


if __name__ == '__main__':
    server = ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
    print(f'ready on http://127.0.0.1:{server.server_port}', flush=True)
    server.serve_forever()
