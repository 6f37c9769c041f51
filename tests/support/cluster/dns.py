#!/usr/bin/env python3
"""The DNS of the test node, as a cluster's add-on: the addresses of Services, over UDP alone.

usage: dns.py DIR ADDRESS        until SIGTERM; DIR is a cluster of up.sh
"""

import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from kubeapi import Api  # noqa: E402

SUFFIX = ".svc.cluster.local"
TYPE_A, CLASS_IN, NAME_ERROR, SERVER_FAILURE = 1, 1, 3, 2
TTL_SECONDS = 5


def question_of(packet):
    """(name in lower case, type, where the question ends)"""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii"))
        at += 1 + packet[at]
    kind, = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels).lower(), kind, at + 5


def address_of(api, name):
    """Of "SERVICE.NAMESPACE.svc.cluster.local"; None if there is none."""
    parts = name.removesuffix(SUFFIX).split(".")
    if not name.endswith(SUFFIX) or len(parts) != 2:
        return None
    service = api.get("Service", parts[0], parts[1])
    address = service["spec"].get("clusterIP", "None") if service else "None"
    return None if address in ("", "None") else address


def reply_to(api, packet):
    name, kind, end = question_of(packet)
    address, code = None, 0
    try:
        address = address_of(api, name)
        code = 0 if address else NAME_ERROR
    except OSError:
        code = SERVER_FAILURE  # The API server was killed: ask again.
    answers = 1 if address and kind == TYPE_A else 0
    head = packet[:2] + struct.pack("!5H", 0x8480 | code, 1, answers, 0, 0)
    record = b""
    if answers:
        record = struct.pack("!3HIH", 0xC00C, TYPE_A, CLASS_IN, TTL_SECONDS, 4)
        record += socket.inet_aton(address)
    return head + packet[12:end] + record


def main():
    api = Api(sys.argv[1])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[2], 53))
    while True:
        packet, client = server.recvfrom(1500)
        try:
            server.sendto(reply_to(api, packet), client)
        except (IndexError, UnicodeDecodeError, struct.error):
            pass  # No question of ours.


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main()
