"""Where a co_await may stand: it is a whole statement or the whole initialiser of one, and its
operands are names. Everything else is miscompiled by some compiler we support (docs/adr/0002)."""

_OPERATORS = {'?', '&&', '||', '==', '!=', '<=', '>=', '+', ','}
_BLOCK_BEFORE = {')', ';', '{', '}', ']', ':', 'else', 'do', 'try', 'const', 'noexcept', 'override',
                 'final', 'mutable'}
_BLOCK_STARTS = {'namespace', 'struct', 'class', 'union', 'enum', 'extern', 'template'}
_STATEMENT_BEFORE = {'if', 'while', 'for', 'else', 'do', 'switch'}


def check_await_shapes(source):
    """Yields (line, message)."""
    if 'co_await' not in source.code:
        return
    tokens = list(source.tokens())
    words = [word for word, _ in tokens]
    brackets = []  # Indices of what is open.
    blocks = set()  # Those of them that open a block of statements.
    start = 0  # Of the current statement.
    starts = []  # Of the statements around it.
    for index, word in enumerate(words):
        if word in '([{':
            if word == '{' and _opens_block(words, start, index):
                blocks.add(index)
            brackets.append(index)
            starts.append(start)
            start = index + 1
        elif word in ')]}' and brackets:
            opened = brackets.pop()
            start = starts.pop()
            if opened in blocks:
                start = index + 1
        elif word == ';':
            start = index + 1
        elif word == 'co_await':
            message = _judge(words, start, index, brackets, blocks)
            if message:
                yield tokens[index][1], message


def _opens_block(words, start, index):
    if index == 0 or words[index - 1] in _BLOCK_BEFORE:
        # `a[2]{...}` is an initialiser, `[&]{...}` a lambda.
        return index == 0 or words[index - 1] != ']' or _is_lambda(words, index - 1)
    before = words[start:index]
    return bool(before) and (before[0] in _BLOCK_STARTS or '->' in before and ')' in before)


def _is_lambda(words, closing):
    depth = 0
    for index in range(closing, -1, -1):
        depth += {']': 1, '[': -1}.get(words[index], 0)
        if depth == 0:
            before = words[index - 1] if index else ';'
            return not (before[0].isalnum() or before[0] in '_])')
    return False


def _judge(words, start, index, brackets, blocks):
    if brackets and brackets[-1] not in blocks:
        if words[brackets[-1]] == '{':
            return 'co_await inside braces; give its result a name first'
        return 'co_await inside a condition or argument list; give its result a name first'
    before = words[start:index]
    if not _may_precede(before):
        return 'co_await is not the whole statement or initialiser; give its result a name first'
    depth = 0
    for word in words[index + 1:]:
        if word == '{':
            return 'a co_await operand with braces or a lambda; give the operand a name first'
        if word in '([':
            depth += 1
        elif word in ')]':
            depth -= 1
        elif word == ';' and depth <= 0:
            return None
        elif depth == 0 and word in _OPERATORS:
            return f"'{word}' beside co_await; give the awaited result a name first"
        elif word == 'co_await':
            return 'two co_await in one statement; give the first result a name'
    return None


def _may_precede(before):
    """Nothing, `type name =`, `if (...)`, `else`, `case x:`; not `return`, `a &&`, `c ? x :`."""
    if not before:
        return True
    if '?' in before:
        return False
    if before[-1] == '=':
        return True
    if before[-1] == ')':
        return before[0] in _STATEMENT_BEFORE or before == ['(', 'void', ')']
    return before[-1] in ('else', 'do', ':')
