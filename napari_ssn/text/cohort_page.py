"""The page on which a cohort is reviewed: every scan with its picture, sorted by what one wants."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from napari_ssn._version import __version__
from napari_ssn.documents.cohort import Found, State
from napari_ssn.text.cohort import (
    AGAIN,
    FITS,
    STATES,
    range_words,
    remarks,
    size_words,
    states_line,
)
from napari_ssn.text.problems import RESEARCH_ONLY

_STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f3f5f7; --muted: #57606a;
  --warn: #8a5300; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #20262d; --muted: #a5aeb8; --warn: #f0b35a; --link: #7cb7ff; }
  body { background: #14181d; color: #e6edf3; }
}
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.35rem; margin: 0 0 .2rem; }
.muted { color: var(--muted); }
.warn { color: var(--warn); }
.bar { display: flex; gap: 1rem; flex-wrap: wrap; margin: 1rem 0; align-items: center; }
input, select, button { font: inherit; }
table { border-collapse: collapse; width: 100%; }
th { position: sticky; top: 0; background: var(--soft); text-align: left; z-index: 1; }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
th.number { text-align: right; }
/* That a column can be sorted is seen before it is. */
th button::after { content: "\\00a0▼"; opacity: .3; }
th[aria-sort] button::after { opacity: 1; }
th[aria-sort=ascending] button::after { content: "\\00a0▲"; }
td.range { white-space: normal; }
td.range span { white-space: nowrap; }
td.shown { width: 96px; }
td.shown img { width: 96px; height: 96px; display: block; background: #000; }
td.name { overflow-wrap: anywhere; min-width: 9rem; }
td.name button { white-space: nowrap; margin-top: .3rem; }
td.said { min-width: 12rem; max-width: 24rem; }
code { background: var(--soft); padding: .1rem .3rem; overflow-wrap: anywhere; }
"""

_SCRIPT = """
const body = document.querySelector('tbody');
const rows = [...body.rows];
const heads = [...document.querySelectorAll('th[data-key]')];
const value = (row, key) => {
  const text = row.dataset[key];
  return text === '' || text === undefined ? null : Number(text);
};
function sort(head, down) {
  const key = head.dataset.key;
  // Where there is no number a scan comes last, whichever way they are sorted.
  rows.sort((a, b) => {
    const [x, y] = [value(a, key), value(b, key)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (down ? y - x : x - y) || value(a, 'scan') - value(b, 'scan');
  });
  for (const one of heads) one.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  body.append(...rows);
}
for (const head of heads) head.querySelector('button').addEventListener('click', () =>
  sort(head, head.getAttribute('aria-sort') !== 'descending'));
const [state, words, count] = ['state', 'words', 'count'].map(id => document.getElementById(id));
function choose() {
  const wanted = words.value.toLowerCase();
  let seen = 0;
  for (const row of rows) {
    row.hidden = Boolean(state.value && row.dataset.state !== state.value)
      || !row.dataset.name.includes(wanted);
    seen += !row.hidden;
  }
  count.textContent = `${seen} shown`;
}
state.addEventListener('change', choose);
words.addEventListener('input', choose);
choose();
const said = document.getElementById('said');
body.addEventListener('click', async event => {
  const button = event.target.closest('button.open');
  if (!button) return;
  const number = button.dataset.scan;
  if (!SERVED) {
    said.textContent = 'To open it in napari: ';
    const code = document.createElement('code');
    code.textContent = `napari-ssn review FOLDER --open ${number}`;
    said.append(code, ', FOLDER being the one that this page lies in.');
    return;
  }
  said.textContent = `Opening scan ${number} in napari …`;
  try {
    const answer = await fetch(`open/${number}`, {method: 'POST'});
    said.textContent = await answer.text();
  } catch {
    said.textContent = 'The review was ended: start it again with napari-ssn review.';
  }
});
"""

# What a scan is sorted by, how that is headed, and what a click on it does.
_HEADS = (
    ("scan", "Scan", "Sorts by number"),
    ("size", "Size (median)", "Sorts by the size of the first label"),
    ("width", "Range", "Sorts by doubt: how wide the widest range is, in medians"),
    ("presence", "Someone outlines it", "Sorts by how likely someone outlines anything"),
    ("longest", "Longest, mm", "Sorts by the longest diameter of the first label"),
    ("distance", "Training images", "Sorts by how unlike the training images it is"),
    ("state", "What became of it", "Sorts by that, those without a result together"),
)
# Heads of columns of numbers stand above these.
_NUMBERS, _RIGHT = {"size", "width", "presence", "longest", "distance"}, ' class="number"'


@dataclass(frozen=True)
class Line:
    """What is said of a scan.

    Attributes:
        number: of it.
        name: what it is called; empty where that is left out.
        state, reason: what became of it.
        found: its row; None where there is none.
        picture: where its picture lies, from the page; empty where there is none.
    """

    number: int
    name: str
    state: State
    reason: str
    found: Found | None
    picture: str


def page_of(model: str, lines: Sequence[Line], served: bool = False) -> str:
    """The page, whole: it needs nothing but the pictures beside it.

    Args:
        model: name and version.
        lines: a scan each.
        served: whether ``open/NUMBER`` below its address opens a scan; if not, it says how to.
    """
    counts = {state: sum(one.state == state for one in lines) for state in STATES}
    choices = "".join(
        f'<option value="{number}">{words} ({counts[state]:,})</option>'
        for number, (state, words) in enumerate(STATES.items())
        if counts[state]
    )
    heads = "".join(
        f'<th data-key="{key}" scope="col"{_RIGHT if key in _NUMBERS else ""}>'
        f'<button type="button" title="{does}">{words}</button></th>'
        for key, words, does in _HEADS
    )
    again = f"<br>{escape(AGAIN)}" if counts["refused"] or counts["aside"] else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cohort · {escape(model)}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>{escape(model)}</h1>
<p class="muted">{escape(states_line(counts))} Made by napari-ssn {__version__}.
<strong class="warn">{escape(RESEARCH_ONLY)}.</strong>{again}</p>
<div class="bar"><label>Show <select id="state"><option value="">all</option>{choices}</select>
</label><label>Name <input id="words" type="search"></label>
<span id="count" class="muted" role="status"></span><span id="said" role="status"></span></div>
<table><thead><tr><th scope="col">Outline</th>{heads}</tr></thead><tbody>
{"".join(map(_row, lines))}</tbody></table>
<script>const SERVED = {json.dumps(served)};{_SCRIPT}</script></body></html>
"""


def _row(one: Line) -> str:
    found, labels = one.found, () if one.found is None else one.found.labels
    keys = {
        "scan": one.number,
        "size": labels[0].median if labels else None,
        "width": found.width if found else None,
        "presence": found.presence if found else None,
        "longest": labels[0].longest_mm if labels else None,
        "distance": found.distance if found else None,
        "state": list(STATES).index(one.state),
        "name": one.name.lower(),
    }
    data = " ".join(f'data-{key}="{escape(_short(value))}"' for key, value in keys.items())
    picture = f'<img loading="lazy" alt="" src="{escape(one.picture)}">' if one.picture else ""
    several = len(labels) > 1
    sizes = [f"{one.label} {size_words(one)}" if several else size_words(one) for one in labels]
    ranges = [range_words(one) for one in labels]
    longest = [
        f"{label.longest_mm:.1f}"
        + (
            f"<br><span class=muted>{label.longest_low_mm:.1f}–{label.longest_high_mm:.1f}</span>"
            if label.longest_low_mm is not None and label.longest_high_mm is not None
            else ""
        )
        for label in labels
        if label.longest_mm is not None
    ]
    width = f"width {found.width:.2f} medians" if found and found.width is not None else ""
    presence = f"{100 * found.presence:.0f} %" if found and found.presence is not None else ""
    fit = FITS[found.fit] if found else ""
    far = f"distance {found.distance:.2f}" if found and found.distance is not None else ""
    said = [STATES[one.state].capitalize(), one.reason, *(remarks(found) if found else ())]
    look = "warn" if found and found.fit == "unlike" else "muted"
    return (
        f'<tr {data}><td class="shown">{picture}</td>'
        f'<td class="name"><b>{one.number}</b><br>{escape(one.name)}<br>'
        f'<button type="button" class="open" data-scan="{one.number}">Open in napari</button></td>'
        f'<td class="number">{"<br>".join(map(escape, sizes))}</td>'
        f'<td class="number range">{"<br>".join(map(_parted, ranges))}'
        f'<br><span class="muted">{width}</span></td>'
        f'<td class="number">{presence}</td><td class="number">{"<br>".join(longest)}</td>'
        f'<td class="number"><span class="{look}">{escape(fit)}</span>'
        f'<br><span class="muted">{far}</span></td>'
        f'<td class="said">{"<br>".join(escape(text) for text in said if text)}</td></tr>\n'
    )


def _parted(words: str) -> str:
    """Words that go on in the next line of a narrow page, and only between their parts."""
    return " ".join(f"<span>{escape(one)}</span>" for one in re.split("(?<=·) ", words))


def _short(value: float | str | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
