"""Rules about any text file, whatever its language."""
import re

COLUMNS_MAX = 100
_LONG_ALLOWED = re.compile(r'://|^\s*#\s*include')
_CODE = ('.cc', '.h', '.py', '.sh', '.cmake', 'CMakeLists.txt', 'Makefile')
_WRAPPED = ('.cc', '.h', '.py', '.sh')
# Test texts stand there as they are.
_CORPORA = ('tools/golden/',)
# A naked marker is a promise nobody owns. Spelled in pieces, so that this file passes itself.
_NAKED = re.compile(r'\b(TO' r'DO(?!\(#\d+\))|FIX' r'ME|XX' r'X)\b')
# Where a checkout happens to lie on somebody's machine.
_MACHINE_PATH = re.compile(r'(?<![\w.})\]-])/(?:work|root)/')


def check_text(path, lines):
    """Yields (line, rule, message)."""
    for number, line in enumerate(lines, 1):
        if _MACHINE_PATH.search(line):
            yield number, 'machine-path', 'a path of one machine; use a relative path or a variable'
        if path.endswith(_CODE) and _NAKED.search(line):
            yield number, 'todo', 'name the issue, TO' 'DO(#12), or do it'
        wrapped = path.endswith(_WRAPPED) and not path.startswith(_CORPORA)
        if wrapped and len(line) > COLUMNS_MAX and not _LONG_ALLOWED.search(line):
            yield number, 'columns', f'{len(line)} columns; {COLUMNS_MAX} at most'
