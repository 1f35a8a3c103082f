"""Configurations for both parsers: generated ones, which are mostly valid and often odd."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("a", "b", "messenger-worker", "web.1", "A_b", "app+x", "wörker", "value")
NUMBERS = ("%(process_num)d", "%(process_num)02d", "%(process_num)03d", "%(process_num)s",
           "%(process_num)x", "%(numprocs)d", "%(numprocs)s")  # fmt: skip
KNOWN = ("%(program_name)s", "%(group_name)s", "%(here)s", "%(ENV_PLAIN)s", "%(ENV_BLANKS)s",
         "%(ENV_QUOTES)s", "%(ENV_UMLAUT)s", "%(ENV_EMPTY)s", "%(ENV_PERCENT)s", "%%",
         "%(host_node_name)s", "%(ENV_OWN)s", "%(ENV_SHARED)s", "%(program_name)10s")  # fmt: skip
ODD = ("%", "%s", "%(nonesuch)s", "%(ENV_NONESUCH)s", "%(here)d", "%(process_num)5d", '"',
       "'", "\\", "%(process_num)-3d", "%(process_num)c", "%(process_num)r",
       "%(process_num)5s")  # fmt: skip

literal = st.sampled_from(
    ["php", "/srv/app/bin/console", "--limit=10", "'two words'", '"a b"', "a\\ b", "$HOME", "`x`",
     "x;y", "ö", "{}", "*", "a=b", "a:b", "#x", "''", '"', "'", "\\", "~", "!"]
)  # fmt: skip
piece = st.one_of(
    literal,
    st.sampled_from(NUMBERS),
    st.sampled_from(KNOWN),
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="%'\\\""), max_size=4),
)
any_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4)
odd_piece = st.one_of(piece, piece, piece, any_text, st.sampled_from(ODD))
joined = st.sampled_from([" ", " ", "", "  ", "\n  ", " ; comment\n   ", " # x\n\t"])


@st.composite
def text(draw: st.DrawFn, most: int = 4, *, odd: bool = False) -> str:
    """Draw a value of several pieces, with blanks, continuation lines and comments between them."""
    parts = draw(st.lists(odd_piece if odd else piece, min_size=1, max_size=most))
    return "".join(part + draw(joined) for part in parts).rstrip()


def cased(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from([spelling for w in words for spelling in (w, w.upper(), w.title())])


boolean = cased("yes", "true", "on", "1", "no", "false", "off", "0")
number = st.one_of(
    st.integers(0, 300).map(str),
    st.sampled_from(["007", "+3", "-1", "1.5", "x", "1_0", "9" * 12, "9" * 40]),
)
size = st.sampled_from(
    ["0", "1", "1024", "50MB", "1kb", "2Gb", "10 MB", "1M", "-5", "MB", "1_0", "-1MB"]
)
sane_value = st.one_of(
    st.sampled_from(['"v"', "'v'", "v", '"a,b"', '"a b"', "a-b/c.d:e", '"%%"', '"it\'s"', "''",
                     '""', "1+1", '"ö"', "(x)", '"A=1"', '"#x"', '"a;b"', '"$HOME"', '"a\\b"']),
    st.sampled_from([f'"{expansion}"' for expansion in (*NUMBERS, *KNOWN)
                     if expansion != "%(ENV_QUOTES)s"]),
    st.sampled_from(NUMBERS),
)  # fmt: skip
odd_value = st.one_of(sane_value, st.sampled_from([*KNOWN, *ODD, "hello world", "ö", '"x', "a;b"]))


def variables(value: st.SearchStrategy[str], names: list[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda pairs, comma, end: comma.join(f"{k}={v}" for k, v in pairs) + end,
        st.lists(st.tuples(st.sampled_from(names), value), min_size=1, max_size=3),
        st.sampled_from([",", ", ", ",\n   ", " ,"]),
        st.sampled_from(["", "", ","]),
    )


sane_names = ["OWN", "A", "B", "PATH", "a", "_x1", "PLAIN"]
sane_logfile = st.one_of(
    cased("auto", "none", "off", "syslog"),
    st.builds(
        "%(here)s/log/{}{}.log".format,
        st.sampled_from(["x", "%(program_name)s", "%(ENV_PLAIN)s", "%(group_name)s"]),
        st.sampled_from(["", "-%(process_num)02d", "-%(process_num)d", "-%(process_num)s"]),
    ),
    st.sampled_from(["%(here)s/log/a b.log", "~/x.log"]),
)
logfile = st.one_of(
    sane_logfile,
    st.sampled_from(["~/x.log", "relative.log", "/nonesuch/x.log", "%(here)s/log/a b.log", "/x%%"]),
)
OPTIONS: dict[str, st.SearchStrategy[str]] = {
    "process_name": st.sampled_from(
        ["%(program_name)s_%(process_num)02d", "%(program_name)s-%(process_num)d", "fixed",
         "%(group_name)s_%(process_num)03d", "%(program_name)s", "x%(numprocs)d_%(process_num)s",
         "%(ENV_OWN)s%(process_num)d", "a b", "%(process_num)02d"]
    ),
    "numprocs": st.sampled_from(["0", "1", "2", "3", "%(ENV_NUM)s", "x"]),
    "numprocs_start": st.sampled_from(["0", "1", "7", "98", "-1"]),
    "priority": number,
    "autostart": boolean,
    "autorestart": st.one_of(boolean, cased("unexpected")),
    "startsecs": number,
    "startretries": number,
    "exitcodes": st.sampled_from(["0", "0,2", "1", "", "0, 2", "0,", "256", "255,0,0", "x"]),
    "stopsignal": st.sampled_from(["TERM", "sigterm", "INT", "USR2", "15", "9", "HUP", "99", "X"]),
    "stopwaitsecs": number,
    "stopasgroup": boolean,
    "killasgroup": boolean,
    "user": st.sampled_from(["root", "www-data", "0", "0033", "-1", "nonesuch", "%(ENV_PLAIN)s"]),
    "umask": st.sampled_from(["022", "0", "77", "0o27", "8", "x"]),
    "directory": st.sampled_from(
        ["/tmp", "%(here)s", "/srv/%(program_name)s/%(process_num)02d", "/a b/%(ENV_OWN)s", "rel"]
    ),
    "environment": variables(odd_value, [*sane_names, "A-B", "1", "ö"]),
    "redirect_stderr": boolean,
    "stdout_logfile": logfile,
    "stderr_logfile": logfile,
    "stdout_logfile_maxbytes": size,
    "stdout_logfile_backups": number,
    "stderr_logfile_maxbytes": size,
    "stderr_logfile_backups": number,
    "stdout_capture_maxbytes": size,
    "stderr_events_enabled": boolean,
    "stdout_syslog": boolean,
    "serverurl": st.sampled_from(["AUTO", "unix:///x.sock", "http://localhost:9001"]),
}  # fmt: skip
# Values that both parsers accept, so that most configurations get past their first option.
SANE = {
    "environment": variables(sane_value, sane_names),
    "stdout_logfile": sane_logfile,
    "stderr_logfile": sane_logfile,
    "priority": st.integers(0, 2000).map(str),
    "numprocs": st.sampled_from(["1", "2", "3"]),
    "numprocs_start": st.sampled_from(["0", "1", "7", "98"]),
    "stdout_logfile_maxbytes": st.sampled_from(["0", "1024", "50MB", "1kb", "2Gb"]),
    "user": st.sampled_from(["root", "www-data", "33"]),
    "umask": st.sampled_from(["022", "0", "77", "0o27"]),
    "directory": st.sampled_from(["/tmp", "%(here)s/%(program_name)s/%(process_num)02d"]),
    "exitcodes": st.sampled_from(["0", "0,2", "1", "", "0, 2", "255,0,0"]),
    "stopsignal": st.sampled_from(["TERM", "sigterm", "INT", "USR2", "15", "9", "HUP"]),
    "process_name": st.sampled_from(
        ["%(program_name)s_%(process_num)02d", "x%(numprocs)d_%(process_num)s",
         "%(group_name)s_%(process_num)03d"]
    ),
}  # fmt: skip
WHOLE = st.integers(0, 300).map(str)
_NUMBERS = {"startsecs", "startretries", "stopwaitsecs", "stdout_logfile_backups"}
SANE |= dict.fromkeys(_NUMBERS | {"stderr_logfile_backups"}, WHOLE)
SANE |= dict.fromkeys(
    ["stderr_logfile_maxbytes", "stdout_capture_maxbytes"], SANE["stdout_logfile_maxbytes"]
)


@st.composite
def options(draw: st.DrawFn, *, odd: bool) -> list[str]:
    """Draw the lines of one program's section."""
    lines = [f"command = php {draw(text(odd=odd))}"] if not odd or draw(st.integers(0, 9)) else []
    known = OPTIONS if odd else {**OPTIONS, **SANE}
    chosen = draw(st.lists(st.sampled_from(sorted(known)), max_size=8))
    if not odd:
        # Supervisor refuses this pair of options; several processes need a process_name.
        chosen = [*dict.fromkeys(["process_name", *chosen])]
        if "killasgroup" in chosen and "stopasgroup" in chosen:
            chosen.remove("killasgroup")
    for name in chosen:
        key = draw(st.sampled_from([name, name, name, name.upper(), f"{name} "]))
        separator = draw(st.sampled_from(["=", " = ", ": ", *([" =\n   "] if odd else [])]))
        comment = draw(st.sampled_from(["", "", " ; comment", " #x", "\n; line", "\n\n"]))
        lines.append(f"{key}{separator}{draw(known[name])}{comment}")
    return lines


@st.composite
def configuration(draw: st.DrawFn) -> dict[str, str]:
    """Draw files by their relative path; supervisord.conf is the main file."""
    odd = draw(st.booleans())
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    main = ["[supervisord]"]
    if draw(st.booleans()):
        main.append(draw(st.sampled_from(
            ['environment = SHARED="s%(ENV_PLAIN)s",OWN="x"', "umask = 027", "user = www-data",
             "minfds = 2048", "minprocs = 300", "directory = /tmp"])))  # fmt: skip
    included: list[str] = []
    for name in names:
        section = [f"[program:{name}]", *draw(options(odd=odd))]
        if draw(st.booleans()):
            included += section
        else:
            main += section
    if draw(st.booleans()):
        group = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        listed = ",".join(group)
        if draw(st.booleans()):
            listed = listed.replace("value", "%(ENV_PLAIN)s")
        main += ["[group:together]", f"programs={listed}", "priority=5"]
    if draw(st.booleans()) and included:
        included += [f"[program:{names[0]}]", *draw(options(odd=odd))]
    if draw(st.integers(0, 9)) == 0:
        main += ["[DEFAULT]", f"startsecs = {draw(WHOLE)}"]
    if included:
        # There is a directory conf.d/log, too.
        main += ["[include]", draw(st.sampled_from(["files = conf.d/*.conf", "files = conf.d/*"]))]
    return {"supervisord.conf": "\n".join(main) + "\n", "conf.d/x.conf": "\n".join(included) + "\n"}
