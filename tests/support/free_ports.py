"""Ports for servers that have to be told theirs, or that come back on it."""

import contextlib
import random
import socket


def free_ports(count=1):
    """The first of so many in a row that nobody uses, below those that the kernel gives to clients:
    one of these may be a client's while its server is away."""
    while True:
        base = random.randrange(20000, 32000 - count)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(base, base + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base
