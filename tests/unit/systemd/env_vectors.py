"""Files of variables, and what systemd reads from them; tests/e2e asks systemd itself.

Each vector is a file's bytes, and its variables. None: systemd reads no variable at all, and does
not start the unit. BEFORE has the variables of systemd before 254 where they differ.
"""

from __future__ import annotations

import random
from typing import Optional

Variables = Optional[dict[str, str]]

VECTORS: dict[bytes, Variables] = {
    # Plain values
    b"": {},
    b"A=1": {"A": "1"},
    b"A=1\n": {"A": "1"},
    b"A=\n": {"A": ""},
    b"A=": {"A": ""},
    b"A=  \t \nB=2\n": {"A": "", "B": "2"},
    b"A=two words\n": {"A": "two words"},
    b"A= \t two  words \t \n": {"A": "two  words"},
    b"A=a=b==c\n": {"A": "a=b==c"},
    b"A=1\nA=2\n": {"A": "2"},
    b"A=1\nA=\n": {"A": ""},
    b"A=$HOME ${B} `id` %i %% !x ~\n": {"A": "$HOME ${B} `id` %i %% !x ~"},
    b"A=a;b #c\n": {"A": "a;b #c"},
    b"A=#c\nB=;c\n": {"A": "#c", "B": ";c"},
    b"A=a\tb\x01c\x7f\n": {"A": "a\tb\x01c\x7f"},
    b"A=\x0bx\x0c\n": {"A": "\x0bx\x0c"},
    b"A=\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\n": {"A": "ü€😀"},
    b"A=\xc2\xa0x\xe2\x80\xa8\n": {"A": "\xa0x\u2028"},
    # Names
    b"  A = 1\n\tB\t=\t2\n": {"A": "1", "B": "2"},
    b"__=1\n_a9=2\n": {"__": "1", "_a9": "2"},
    b"1A=1\nA-B=2\nA.B=3\nA B=4\nB=5\n": {"B": "5"},
    b"export A=1\nB=2\n": {"B": "2"},
    b"\xef\xbb\xbfA=1\nB=2\n": {"B": "2"},
    b"\xc3\xa4=1\nB=2\n": {"B": "2"},
    b"=1\nB=2\n": {"B": "2"},
    b"==1\nB=2\n": {"B": "2"},
    b"='\nB=2\n'\n": {"B": "2"},
    b"A\nB=2\n": {"B": "2"},
    b"A\n=1\nB=2\n": {"B": "2"},
    b"A\\\n=1\nB=2\n": {"B": "2"},
    b"'A'=1\n\"B\"=2\nC=3\n": {"C": "3"},
    b"A-B='x\nC=1\n'\nB=2\n": {"B": "2"},
    # Comments and empty lines
    b"\n \n\t\nA=1\n\n": {"A": "1"},
    b"#A=1\n;B=2\n  # C=3\n\t;D=4\nE=5\n": {"E": "5"},
    b"# it's \"so\nA=1\n": {"A": "1"},
    b"# c\\\nA=1\nB=2\n": {"A": "1", "B": "2"},
    b"; c \\\n\\\nA=1\nB=2\n": {"A": "1", "B": "2"},
    b"# c\\\\\nA=1\n": {"A": "1"},
    b"# c\\ \nA=1\n": {"A": "1"},
    b"# c\\x\nA=1\n": {"A": "1"},
    b"# c\\\r\nA=1\n": {"A": "1"},
    b"# c\\\rA=1\rB=2\n": {"A": "1", "B": "2"},
    b"# c\\": {},
    b"A=1\n# c": {"A": "1"},
    b"A=1 # no comment\n": {"A": "1 # no comment"},
    b"A='1' # no comment\n": {"A": "1# no comment"},
    # Ends of lines
    b"A=1\r\nB=2\r\n": {"A": "1", "B": "2"},
    b"A=1\rB=2\r": {"A": "1", "B": "2"},
    b"A=1\n\rB=2\r\r\nC=3": {"A": "1", "B": "2", "C": "3"},
    b"A\rB=2\n": {"B": "2"},
    b"A='1\r\n2'\n": {"A": "1\r\n2"},
    b'A="1\r2"\r\n': {"A": "1\r2"},
    b"A=\x851\xc2\x852\n": None,
    b"A=1\xc2\x852\n": {"A": "1\x852"},
    # Single quotes
    b"A='1'\n": {"A": "1"},
    b"A=''\n": {"A": ""},
    b"A=' 1 '\n": {"A": " 1 "},
    b"A='it is $x \\ \\n \"so\"'\n": {"A": 'it is $x \\ \\n "so"'},
    b"A='a\\'b\nB=2\n": {"A": "a\\b", "B": "2"},
    b"A='a\nb'\nB=2\n": {"A": "a\nb", "B": "2"},
    b"A='a' 'b'\n": {"A": "ab"},
    b"A='a''b'\t'c'\n": {"A": "abc"},
    b"A='x y' z\n": {"A": "x yz"},
    b"A='x y'  z  \n": {"A": "x yz"},
    b"A='x'z 'y'\n": {"A": "xz 'y'"},
    b"A='' x ' ' \n": {"A": "x ' '"},
    b"A='x' \nB=2\n": {"A": "x", "B": "2"},
    b"A='x'\\\ny\nB=2\n": {"A": "xy", "B": "2"},
    b"A='x\nB=2\n": {"A": "x\nB=2\n"},
    b"A='x  ": {"A": "x  "},
    b"A='": {"A": ""},
    # Double quotes
    b'A="1"\n': {"A": "1"},
    b'A=""\n': {"A": ""},
    b'A="a" "b"\n': {"A": "ab"},
    b'A="a"\'b\'"c"\n': {"A": "abc"},
    b'A="it\'s"\n': {"A": "it's"},
    b'A="a \\"b\\" \\$c \\`d\\` \\\\e"\n': {"A": 'a "b" $c `d` \\e'},
    b'A="\\n \\t \\x41 \\101 \\\' \\%"\n': {"A": "\\n \\t \\x41 \\101 \\' \\%"},
    b'A="a\\\nb"\nB=2\n': {"A": "ab", "B": "2"},
    b'A="a\\\r\nb"\nB=2\n': {"A": "a\\\r\nb", "B": "2"},
    b'A="a\nb"\nB=2\n': {"A": "a\nb", "B": "2"},
    b'A="\\\\"\nB="2"\n': {"A": "\\", "B": "2"},
    b'A="# x; y"\n': {"A": "# x; y"},
    b'A="x" y "z"\n': {"A": 'xy "z"'},
    b'A="x\nB=2\n': {"A": "x\nB=2\n"},
    b'A="x\\': {"A": "x"},
    b'A="x\\"': {"A": 'x"'},
    b'A="x\\\n': {"A": "x"},
    b'A="': {"A": ""},
    # Quotes that are none, and escapes without quotes
    b"A=mysql://app:p'ss@db/x\nB=2\n": {"A": "mysql://app:p'ss@db/x", "B": "2"},
    b"A=it's fine\nB=it's not\n": {"A": "it's fine", "B": "it's not"},
    b'A=x"y"\nB=2"\n': {"A": 'x"y"', "B": '2"'},
    b'A=y"x\nB=1\n': {"A": 'y"x', "B": "1"},
    b"A=a\\b\\n\\\\c\\'d\\\"\n": {"A": "abn\\c'd\""},
    b"A=\\'x'\n": {"A": "'x'"},
    b"A=\\ x\n": {"A": " x"},
    b"A=x\\ \nB=2\n": {"A": "x ", "B": "2"},
    b"A=x\\  \nB=2\n": {"A": "x ", "B": "2"},
    b"A=\\#x\n": {"A": "#x"},
    b"A=one\\\ntwo\nB=2\n": {"A": "onetwo", "B": "2"},
    b"A=one \\\n  two \nB=2\n": {"A": "one   two", "B": "2"},
    b"A=one  \\\n\nB=2\n": {"A": "one  ", "B": "2"},
    b"A=\\\n  x\nB=2\n": {"A": "  x", "B": "2"},
    b"A=\\\nB=2\n": {"A": "B=2"},
    b"A=x\\\n# y\nB=2\n": {"A": "x# y", "B": "2"},
    b"A=x\\\r\ny\nB=2\n": {"A": "x", "B": "2"},
    b"A=x\\\ry\nB=2\n": {"A": "xy", "B": "2"},
    b"A=x\\": {"A": "x"},
    b"A=x \\": {"A": "x "},
    b"A=\\": {"A": ""},
    b"A=x  ": {"A": "x"},
    # Not UTF-8, and the code points that are no characters
    b"A=\xff\nB=2\n": None,
    b"B=2\nA='\xc3'\n": None,
    b"\xff=1\nB=2\n": None,
    b"A-B=\xff\n": None,
    b"A=\xed\xa0\x80\n": None,
    b"A=\xc0\x80\n": None,
    b"A=\xf4\x90\x80\x80\n": None,
    b"A=\xef\xbf\xbf\n": None,
    b"A=\xef\xb7\x90\n": None,
    b"A=\xf0\x9f\xbf\xbe\n": None,
    b"A=\xef\xbf\xbd\xee\x80\x80\n": {"A": "\ufffd\ue000"},
    b"#\xff\n\xff\nB=2\n": {"B": "2"},
    # The NUL character
    b"A=1\0\n": None,
    b"#\0\nA=1\n": None,
    b"A=1\n\0": None,
}

BEFORE: dict[bytes, Variables] = {
    b"# c\\\nA=1\nB=2\n": {"B": "2"},
    b"; c \\\n\\\nA=1\nB=2\n": {"B": "2"},
    b"# c\\\rA=1\rB=2\n": {"B": "2"},
}


def hostile(seed: int) -> dict[str, str]:
    """Returns variables with the characters that a file has to escape, and their neighbours."""
    chosen = random.Random(seed)
    pieces = [*"'\"\\$`\n\r\t #;=%!~", "\\\n", "\r\n", "ü", "\u2028", "word", "export X=1"]
    return {
        name: "".join(chosen.choice(pieces) for _ in range(chosen.randrange(12)))
        for name in ("A", "B", "_c9")
    }


def expected(file: bytes, systemd: int) -> Variables:
    """Returns the variables that this version of systemd reads from a file."""
    return BEFORE.get(file, VECTORS[file]) if systemd < 254 else VECTORS[file]
