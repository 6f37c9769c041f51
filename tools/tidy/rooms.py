"""The rooms and what they may use, read from the add_room() calls."""
import re
from dataclasses import dataclass, field
from pathlib import Path

_ADD_ROOM = re.compile(r'\badd_room\s*\(([^)]*)\)', re.DOTALL)
_INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
_KEYWORDS = {'LAYER', 'HEADERS', 'SOURCES', 'ALONE', 'TESTS', 'FUZZ', 'DEPS', 'LIBS',
             'TEST_LIBS'}

# A third party lives behind the room whose job it is; the others use that room (docs/adr/0001).
THIRD_PARTIES = [
    (re.compile(r'^boost/'), {'net'}),
    (re.compile(r'^openvino/'), {'embed'}),
    (re.compile(r'^sqlite3\.h$'), {'store'}),
    (re.compile(r'^curl/'), {'net'}),
    (re.compile(r'^unicode/'), {'text'}),
    (re.compile(r'^libstemmer'), {'text'}),
    (re.compile(r'^nlohmann/'), {'codec', 'text'}),
    (re.compile(r'^CLI/'), {'cli', 'apps'}),
    (re.compile(r'^usearch/'), {'vector'}),
    (re.compile(r'^tree_sitter/'), {'text'}),
    (re.compile(r'^expat\.h$'), {'cli'}),
    (re.compile(r'^zlib\.h$'), {'cli', 'cluster'}),
    (re.compile(r'^libpq'), {'vectordb'}),
]


@dataclass
class Room:
    name: str
    files: set = field(default_factory=set)
    deps: set = field(default_factory=set)
    test_deps: set = field(default_factory=set)


def parse_room(cmake):
    """The room of one CMakeLists.txt, or None."""
    match = _ADD_ROOM.search(re.sub(r'#[^\n]*', '', cmake))
    if not match or not match.group(1).split():
        return None
    words = match.group(1).split()
    room = Room(words[0])
    key = ''
    for word in words[1:]:
        if word in _KEYWORDS:
            key = word
        elif key in ('HEADERS', 'SOURCES', 'TESTS', 'FUZZ'):
            room.files.add(word)
        elif key == 'DEPS':
            room.deps.add(word)
        elif key == 'TEST_LIBS':
            room.test_deps.add(word)
    return room


def load_rooms(root):
    rooms = {}
    for cmake in sorted(Path(root, 'src').glob('*/CMakeLists.txt')):
        room = parse_room(cmake.read_text(encoding='utf-8'))
        if room:
            rooms[room.name] = room
            for part in (cmake, *cmake.parent.glob('*.cmake')):  # Lists kept in variables.
                room.files.update(re.split(r'[\s()]+', part.read_text(encoding='utf-8')))
    return rooms


def owner_of(path):
    """('net', 'detail/x.cc') for src/net/detail/x.cc; ('apps', ...) and so on for other folders."""
    first, _, rest = path.partition('/')
    if first == 'src':
        first, _, rest = rest.partition('/')
    return first, rest


def check_layers(source, rooms):
    """Yields (line, message) for includes that the room has no right to."""
    owner, rest = owner_of(source.path)
    room = rooms.get(owner) if source.path.startswith('src/') else None
    for number, line in enumerate(source.lines, 1):
        match = _INCLUDE.match(line)
        if not match or match.group(1) == '<':
            continue  # <vector> is not the room of that name.
        target = match.group(2)
        other, _, inner = target.partition('/')
        if other in rooms and other != owner:
            if inner.startswith('detail/'):
                yield number, f"{target} is private to room '{other}'; use its public headers"
            elif room and other not in _allowed(room, rest):
                yield number, (f"room '{owner}' does not list '{other}' in DEPS; "
                               "list it if it lies on a lower layer, or do without")
        elif room and other not in rooms and not _is_test(rest):
            yield number, f'{target}: no such room; an include reads "room/header.h"'


def _allowed(room, file):
    return room.deps | room.test_deps if _is_test(file) else room.deps


def _is_test(file):
    name = r'_(test|bench|fuzz)\.cc$|_(for_test|fixture)\.h$|^fake_\w+\.h$'
    return re.search(name, file) is not None


def check_third_parties(source):
    """Yields (line, message). Tests outside the rooms may use what they like."""
    owner, _ = owner_of(source.path)
    if not source.path.startswith(('src/', 'apps/')):
        return
    for number, line in enumerate(source.lines, 1):
        match = _INCLUDE.match(line)
        for pattern, homes in THIRD_PARTIES if match else ():
            if pattern.match(match.group(2)) and owner not in homes:
                home = ' and '.join(sorted(homes))
                yield number, f'<{match.group(2)}> belongs to {home}; use that room'


def check_listed(path, rooms):
    """Yields (line, message): a test that add_room() does not know of would never run."""
    owner, rest = owner_of(path)
    if not path.endswith('.cc'):
        return  # Private headers, and those of tests, are nobody's interface.
    if path.startswith('src/') and owner in rooms and rest not in rooms[owner].files:
        yield 1, f'not listed in add_room({owner} ...) of src/{owner}/CMakeLists.txt'
