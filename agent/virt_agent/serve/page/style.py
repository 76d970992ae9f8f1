"""How the page looks: its colours in both schemes, its style sheet, and the policy that allows this sheet alone.

State is shown by a shape and a word; colour comes on top. A test computes the contrast of all PAIRS.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

SEVERITIES = ("ok", "info", "warning", "critical", "unknown")
LIGHT = {
    "page": "#f3f5f8", "card": "#ffffff", "text": "#1a1f26", "quiet": "#525c69", "line": "#7b8694", "edge": "#d3dae3",
    "link": "#0b57c2",
    "ok": "#136c31", "ok-back": "#e6f5ea", "info": "#0a5f9e", "info-back": "#e5f1fb",
    "warning": "#7d5000", "warning-back": "#fdf1d3", "critical": "#ab1319", "critical-back": "#fdeae9",
    "unknown": "#5f34b0", "unknown-back": "#f1ebfc",
}  # fmt: skip
DARK = {
    "page": "#0e1217", "card": "#161b22", "text": "#e7ebf0", "quiet": "#a3aebb", "line": "#707d8c", "edge": "#2c3541",
    "link": "#83bdff",
    "ok": "#5fd47b", "ok-back": "#10281a", "info": "#84c3ff", "info-back": "#10273c",
    "warning": "#e8b949", "warning-back": "#2d2510", "critical": "#ff9089", "critical-back": "#371a1c",
    "unknown": "#c7abff", "unknown-back": "#241d38",
}  # fmt: skip
# What is written on what; and what is drawn on what.
PAIRS = (
    *((text, back) for text in ("text", "quiet", "link") for back in ("page", "card")),
    *((text, f"{severity}-back") for severity in SEVERITIES for text in (severity, "text", "quiet", "link")),
    *((severity, "card") for severity in SEVERITIES),
)
DRAWN = (("line", "card"), ("line", "page"))

_SHEET = """
*{box-sizing:border-box}
html{color-scheme:light dark;background:var(--page);color:var(--text);scroll-padding:1rem 0;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:68rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:.2rem}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.4rem .8rem;z-index:1}
header,nav ul,footer ul{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}
header{justify-content:space-between;align-items:baseline}
header p,nav ul,footer ul,.changes,.signs{margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.15rem 0}
.guest{display:flex;flex-wrap:wrap;gap:0 .9rem}
header nav{flex-basis:100%}
.quiet,footer{color:var(--quiet)}
section{margin:1rem 0;padding:1rem 1.2rem;background:var(--card);border:1px solid var(--edge);border-radius:.6rem}
h1{font-size:1.5rem;line-height:1.3;margin:.5rem 0 .2rem}
h2{font-size:1.15rem;margin:0 0 .5rem}
h3{font-size:1rem;margin:0}
p{margin:.3rem 0}
.kind{font-size:1.1rem}
dl{margin:.6rem 0 0}
dl>div{display:grid;grid-template-columns:6rem 1fr;gap:0 .8rem;padding:.12rem 0}
dt{color:var(--quiet)}
dd{margin:0;min-width:0}
ol{margin:0;padding-left:1.3rem}
code,.name{font-family:ui-monospace,monospace;font-size:.92em}
summary{cursor:pointer;padding:.25rem 0}
.badge{display:inline-flex;align-items:center;gap:.4em;padding:.05em .6em .05em .5em;border-radius:1em;
color:var(--on);background:var(--back);border:1px solid;font-weight:600;font-size:.85rem;white-space:nowrap}
.big{font-size:1.05rem}
.mark{display:inline-block;flex:none;width:.8em;height:.8em;background:var(--on);forced-color-adjust:none;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.mark.ok{border-radius:50%}
.mark.warning{clip-path:polygon(50% 0,100% 100%,0 100%)}
.mark.critical{clip-path:polygon(50% 0,100% 50%,50% 100%,0 50%)}
.mark.unknown{border:.2em solid var(--on);background:none}
.verdict{border-color:var(--on);border-left-width:.5rem;background:var(--back)}
article{border-left:.35rem solid var(--on);border-radius:.3rem;padding:.6rem .9rem;margin:.7rem 0;background:var(--back)}
.head{display:flex;flex-wrap:wrap;gap:.2rem .7rem;align-items:center}
.hint{padding:.5rem 0;border-top:1px solid var(--edge)}
.tree{margin:.8rem 0 0}
.tree ul{list-style:none;margin:0;padding:0 0 0 1.8rem;position:relative;flex:1;min-width:0}
.tree>ul{padding:0}
.tree li{display:flex;align-items:center;position:relative;padding:.2rem 0}
.tree li>ul:before{content:"";position:absolute;left:0;top:50%;width:.9rem;border-top:2px solid var(--line)}
.tree li li:before{content:"";position:absolute;left:-.9rem;top:50%;width:.9rem;border-top:2px solid var(--line)}
.tree li li:after{content:"";position:absolute;left:-.9rem;top:0;bottom:0;border-left:2px solid var(--line)}
.tree li li:first-child:after{top:50%}
.tree li li:last-child:after{bottom:50%}
.tree li li:only-child:after{display:none}
.box{flex:none;width:8.75rem;padding:.35rem .6rem;border:1px solid var(--line);border-radius:.4rem;background:var(--card);
line-height:1.35;position:relative;z-index:1}
.leaf{width:auto;flex:1;display:grid;grid-template-columns:auto minmax(4.5rem,7.5rem) minmax(5.5rem,7rem) 1fr;gap:0 .6rem;
align-items:center}
.box .name{font-weight:600}
.leaf.warning,.leaf.critical{border:2px solid var(--on)}
.note,.ill{display:block;font-size:.85rem}
.box .note{color:var(--quiet)}
.ill{font-weight:600;color:var(--on)}
.leaf .ill{grid-column:2/-1}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.signs li{display:grid;grid-template-columns:5rem 1fr;gap:0 .8rem;padding:.3rem 0;border-top:1px solid var(--edge)}
.changes li{display:grid;grid-template-columns:13.5rem 1fr;gap:0 .8rem;padding:.2rem 0;align-items:baseline}
table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;color:var(--quiet);padding-bottom:.3rem}
th,td{text-align:left;vertical-align:top;font-weight:400;padding:.2rem .6rem .2rem 0;border-top:1px solid var(--edge)}
thead th{color:var(--quiet);border:0}
.number{text-align:right;white-space:nowrap}
footer{padding:0 .2rem 1rem}
@media(max-width:52rem){
.tree li{display:block}
.tree li>ul{padding-left:1.3rem}
.tree li>ul:before{display:none}
.tree li li:before{left:-.8rem;top:1.2rem;width:.8rem}
.tree li li:after,.tree li li:first-child:after{left:-.8rem;top:0;bottom:0}
.tree li li:last-child:after{bottom:auto;height:1.2rem}
.tree li li:only-child:after{display:block}
.box{width:auto;max-width:20rem}
.leaf{max-width:none;grid-template-columns:auto 1fr auto}
.leaf .note,.leaf .ill{grid-column:2/-1}
.changes li,.signs li{grid-template-columns:1fr}
}
@media(max-width:30rem){
body{padding:.5rem}
section{padding:.8rem .7rem}
h1{font-size:1.25rem}
dl>div{grid-template-columns:1fr}
.tree li>ul{padding-left:1.1rem}
}
@media print{
html{font-size:75%}
body{max-width:none}
nav,.skip{display:none}
section,article,.box{break-inside:avoid}
details::details-content{content-visibility:visible;height:auto}
}
"""


def _variables(colours: dict[str, str]) -> str:
    return ":root{" + ";".join(f"--{name}:{colour}" for name, colour in colours.items()) + "}"


def _states() -> str:
    return "".join(f".{word}{{--on:var(--{word});--back:var(--{word}-back)}}" for word in SEVERITIES)


# Paper is light whatever the screen is.
SHEET = (
    _variables(LIGHT) + f"@media screen and (prefers-color-scheme:dark){{{_variables(DARK)}}}" + _states() + _SHEET
).replace("\n", "")
POLICY = (
    "default-src 'none'; style-src 'sha256-" + b64encode(sha256(SHEET.encode()).digest()).decode() + "'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
