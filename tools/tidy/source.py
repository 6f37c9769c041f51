"""C++ as the rules see it: comments and literals blanked out, lines kept."""
import re

_SKIP = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"'
    r'|(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:[^'\\\n]|\\.)+'",
    re.DOTALL)
# Literals are blanked by now, so a quote inside a number is a digit separator.
_TOKEN = re.compile(
    r"[A-Za-z_]\w*|\d[\w'.]*|->|::|&&|\|\||==|!=|<=|>=|\+=|-=|\*=|/=|%=|&=|\|=|\^=|\S")


def _blank(match):
    text = match.group(0)
    kept = re.sub(r'[^\n]', ' ', text)
    # A literal stays one token, so that `x = "a"` does not look like `x = `.
    return kept if text.startswith('/') else '"' + kept[1:-1] + '"'


class Source:
    """One file: its lines as written, and its code without comments and literals."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split('\n')
        self.code = _SKIP.sub(_blank, text)
        self.code_lines = self.code.split('\n')

    def tokens(self):
        """(text, line) of every token outside preprocessor lines."""
        for number, line in enumerate(self.code_lines, 1):
            if line.lstrip().startswith('#'):
                continue
            for match in _TOKEN.finditer(line):
                yield match.group(0), number
