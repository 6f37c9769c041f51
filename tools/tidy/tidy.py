#!/usr/bin/env python3
"""Checks the rules of the house that a compiler does not know. See HACKING.md.

usage: tidy.py [ROOT]      prints "file:line: rule: message" for each breach; exit status 1 if any

A line that must break a rule says why: // tidy-allow: RULE because ...
"""
import re
import subprocess
import sys
from pathlib import Path

from await_shapes import check_await_shapes
from banned import check_await_room, check_banned
from rooms import check_layers, check_listed, check_third_parties, load_rooms
from source import Source
from text_rules import check_text

_ALLOW = re.compile(r'tidy-allow:\s*([\w-]+)\s+\w+')
_CPP = ('.cc', '.h')


def project_files(root):
    """Paths of what is tracked or about to be, so that a breach shows before the commit."""
    listed = subprocess.run(
        ['git', '-c', 'safe.directory=*', '-C', str(root), 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'],
        check=True, capture_output=True).stdout.decode().split('\0')
    return sorted(path for path in set(listed) if path and Path(root, path).is_file())


def check_cpp(path, text, rooms):
    source = Source(path, text)
    yield from check_banned(source)
    yield from check_await_room(source)
    for number, message in check_await_shapes(source):
        yield number, 'await', message
    for number, message in check_layers(source, rooms):
        yield number, 'layers', message
    for number, message in check_third_parties(source):
        yield number, 'third-party', message
    for number, message in check_listed(path, rooms):
        yield number, 'unlisted', message


def check_file(path, text, rooms):
    """All breaches of one file, as sorted (line, rule, message), without those allowed in place."""
    lines = text.split('\n')
    found = list(check_text(path, lines))
    if path.endswith(_CPP):
        found += check_cpp(path, text, rooms)
    for number, rule, message in sorted(found):
        allowed = _ALLOW.search(lines[number - 1])
        if not (allowed and allowed.group(1) == rule):
            yield number, rule, message


def main(arguments):
    root = Path(arguments[0] if arguments else '.')
    rooms = load_rooms(root)
    files = project_files(root)
    breaches = 0
    for path in files:
        try:
            text = Path(root, path).read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue  # Not text.
        for number, rule, message in check_file(path, text, rooms):
            print(f'{path}:{number}: {rule}: {message}')
            breaches += 1
    print(f'tidy: {len(files)} files, {breaches} breaches', file=sys.stderr)
    return 1 if breaches else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
