"""What we do not write, and what to write instead."""
import re
from dataclasses import dataclass
from typing import Callable


@dataclass
class Ban:
    rule: str
    pattern: re.Pattern
    instead: str
    applies: Callable[[str], bool]


def _code(path):
    return path.startswith(('src/', 'apps/'))


def _everywhere(path):
    return True


def _tests(path):
    return path.endswith('_test.cc') or path.startswith('tests/')


def _product(path):
    return _code(path) and not _tests(path)


def _business(path):
    return path.startswith(('src/text/', 'src/vector/', 'src/rag/', 'src/routing/'))


def _headers(path):
    return path.endswith('.h')


def _above_base(path):
    return _code(path) and not path.startswith('src/base/')


def _ban(rule, pattern, instead, applies=_everywhere):
    return Ban(rule, re.compile(pattern), instead, applies)


BANS = [
    _ban('format', r'\bstd::(v?format|print|println)\b', 'libstdc++ 12 has none; use fmt::'),
    _ban('detached', r'\basio::detached\b',
         'keep the result and join it: nothing outlives its owner'),
    _ban('detached', r'\.\s*detach\s*\(\s*\)', 'use a std::jthread that its owner joins'),
    _ban('thread', r'\bstd::thread\b(?!\s*::)', 'use std::jthread, which joins'),
    _ban('sleep', r'\bthis_thread::sleep_(for|until)\b',
         'use Clock::sleep_for, which can be stopped and faked', _product),
    _ban('sleep', r'\bthis_thread::sleep_(for|until)\b',
         'wait for the event itself, or use a fake Clock', _tests),
    _ban('sleep', r'(?<![\w.>:])(::)?(sleep|usleep|nanosleep)\s*\(',
         'wait for the event itself, or use Clock'),
    _ban('random', r'\bstd::s?rand\b|(?<![\w.>:])s?rand\s*\(', 'use a seeded engine from <random>'),
    _ban('c-string', r'(?<![\w.>])(std::)?(strcpy|strcat|v?sprintf|gets)\s*\(',
         'use std::string, std::span or fmt::format_to_n'),
    _ban('throw', r'\bthrow\b', 'return fail(...): Result is the one channel for failure',
         _product),
    _ban('catch', r'\bcatch\s*\(',
         'this room never catches; the adapter that calls the third party does', _business),
    _ban('atomic-shared-ptr', r'\batomic\s*<\s*std::shared_ptr\b',
         'use Guarded<std::shared_ptr<const T>>'),
    _ban('mutex', r'\bstd::(recursive_|shared_)?(timed_)?mutex\b',
         'use Guarded<T> or Mutex of base/mutex.h, which -Wthread-safety understands',
         _above_base),
    _ban('using-namespace', r'\busing\s+namespace\b', 'not in a header', _headers),
    _ban('assert', r'(?<![\w.>:])assert\s*\(', 'use CHECK, or DCHECK where it would cost', _code),
]


def check_banned(source):
    """Yields (line, rule, message)."""
    bans = [ban for ban in BANS if ban.applies(source.path)]
    for number, line in enumerate(source.code_lines, 1):
        for ban in bans:
            match = ban.pattern.search(line)
            if match:
                yield number, ban.rule, f"'{match.group(0).strip()}': {ban.instead}"


def check_await_room(source):
    """Yields (line, rule, message): coroutines stay at the I/O edge."""
    if source.path.startswith('src/') and not source.path.startswith('src/net/'):
        for number, line in enumerate(source.code_lines, 1):
            if re.search(r'\bco_(await|return|yield)\b', line):
                yield number, 'coroutine', 'coroutines live in room net; make this one blocking'
