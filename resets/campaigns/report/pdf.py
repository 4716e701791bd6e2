"""Tables as PDF: A4 across, heads on each page, page numbers.

Letters come from DejaVu Sans Condensed, which travels with the file (Latin, Greek, Cyrillic,
Armenian, Georgian); Chinese, Japanese and Korean ones from what PDF readers have by Adobe's names.
For any other a box is drawn, and the file says so.

A page is written and compressed before the next begins: what is held is what the file weighs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from resets.campaigns.report.facts import Table

PLAIN, BOLD = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"
CHINESE, JAPANESE, KOREAN = "STSong-Light", "HeiseiKakuGo-W5", "HYGothic-Medium"
_ASIAN_FONTS = (CHINESE, JAPANESE, KOREAN)
_FONTS = Path(__file__).parent / "fonts"
_ASIAN = re.compile("[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef]")
_LACKING = "▯"
NOTE = f"{_LACKING} stands for a letter that this file’s font lacks. The CSV and the XLSX have it."
BORROWED = "Chinese, Japanese and Korean letters are drawn with the fonts of the reader’s machine."

WIDTH, HEIGHT = landscape(A4)  # points, as everything below
MARGIN, GAP = 36, 4
SIZE, LEADING = 7, 8.6
TITLE_SIZE, SECTION_SIZE = 15, 10
MOST_LINES = 4  # of one cell; what is longer ends in an ellipsis
PAGES = "pages"  # the name of what says how many there are, known at the end


def pdf_of(title: str, tables: Iterable[Table]) -> bytes:
    """These tables under a title, as a file."""
    out = io.BytesIO()
    sheet = _Sheet(_canvas(out, title), title)
    sheet.begin()
    for table in tables:
        if table.rows:
            sheet.draw(table)
    sheet.end()
    return out.getvalue()


def _canvas(out: io.BytesIO, title: str) -> Canvas:
    _load()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), pageCompression=1, lang="en")
    canvas.setTitle(title)
    canvas.setCreator("Rekey")
    return canvas


@dataclass
class _Sheet:
    """Where the pen is: `y` is the upper edge of what comes next."""

    canvas: Canvas
    title: str
    y: float = 0
    page: int = 0
    notes: dict[str, None] = field(default_factory=dict)  # in the order of their causes
    heads: Table | None = field(default=None)

    def begin(self) -> None:
        self._turn()
        for line in _wrapped(self.title, BOLD, TITLE_SIZE, WIDTH - 2 * MARGIN):
            self.y -= TITLE_SIZE
            self._write(MARGIN, self.y, line, BOLD, TITLE_SIZE)
            self.y -= 4

    def draw(self, table: Table) -> None:
        """A table, from where the pen is."""
        self.heads = None
        if self.y - 8 * LEADING < MARGIN:
            self._turn()
        self.y -= 2.2 * SECTION_SIZE
        self._write(MARGIN, self.y, table.name, BOLD, SECTION_SIZE)
        self.y -= 5
        self.heads = table
        self._heads(table)
        for row in table.rows:
            cells = list(_cells(row, table, PLAIN))
            if self.y - _tall(cells) < MARGIN:
                self._turn()
            self._row(cells, PLAIN)

    def end(self) -> None:
        """The last page, and how many there were."""
        self.heads = None
        for note in tuple(self.notes):
            if self.y - 2 * LEADING < MARGIN:
                self._turn()
            self.y -= 2 * LEADING
            self._write(MARGIN, self.y, note, PLAIN, SIZE)
        self.canvas.showPage()
        self.canvas.beginForm(PAGES)
        self.canvas.setFont(PLAIN, SIZE)
        self.canvas.drawString(0, 0, f"{self.page}")
        self.canvas.endForm()
        self.canvas.save()

    def _turn(self) -> None:
        """A new page, with the heads of the table that goes on."""
        if self.page:
            self.canvas.showPage()
        self.page += 1
        self.y = HEIGHT - MARGIN
        foot = f"Page {self.page} of "
        right = WIDTH - MARGIN - 4 * SIZE
        self._write(right - _width(foot, PLAIN, SIZE), MARGIN / 2, foot, PLAIN, SIZE)
        self.canvas.saveState()
        self.canvas.translate(right, MARGIN / 2)
        self.canvas.doForm(PAGES)
        self.canvas.restoreState()
        if self.page > 1:
            [name, *_] = _wrapped(self.title, PLAIN, SIZE, WIDTH / 2)
            self._write(MARGIN, MARGIN / 2, name, PLAIN, SIZE)
        if self.heads:
            self._heads(self.heads)

    def _heads(self, table: Table) -> None:
        self._row(list(_cells(table.heads, table, BOLD)), BOLD)

    def _row(self, cells: Sequence[tuple[float, Sequence[str]]], font: str) -> None:
        for x, lines in cells:
            for number, line in enumerate(lines):
                self._write(x, self.y - SIZE - number * LEADING, line, font, SIZE)
        self.y -= _tall(cells)
        self.canvas.setLineWidth(0.6 if font == BOLD else 0.2)
        self.canvas.line(MARGIN, self.y, WIDTH - MARGIN, self.y)
        self.y -= 1

    def _write(self, x: float, y: float, text: str, font: str, size: float) -> None:
        runs = _runs(text, font)
        for name, run in runs:
            if _LACKING in run:
                self.notes[NOTE] = None
            if name in _ASIAN_FONTS:
                self.notes[BORROWED] = None
            self.canvas.setFont(name, size)
            self.canvas.drawString(x, y, run)
            if len(runs) > 1:
                x += pdfmetrics.stringWidth(run, name, size)


def _cells(row: Sequence[str], table: Table, font: str) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Where each cell begins, and its lines."""
    x, share = float(MARGIN), (WIDTH - 2 * MARGIN) / sum(table.widths)
    for text, part in zip(row, table.widths, strict=True):
        yield x, _wrapped(text, font, SIZE, share * part - GAP)
        x += share * part


def _tall(cells: Sequence[tuple[float, Sequence[str]]]) -> float:
    return max(len(lines) for _, lines in cells) * LEADING + 2


# --- letters --------------------------------------------------------------------------------------


@cache
def _load() -> None:
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
    for name in _ASIAN_FONTS:
        pdfmetrics.registerFont(UnicodeCIDFont(name))


@cache
def _letters() -> frozenset[str]:
    """Those that both cuts have."""
    faces = [pdfmetrics.getFont(name).face.charToGlyph for name in (PLAIN, BOLD)]
    return frozenset(chr(code) for code in faces[0].keys() & faces[1].keys())


def _runs(text: str, font: str) -> list[tuple[str, str]]:
    """Text in pieces that have one font each."""
    if _letters().issuperset(text):
        return [(font, text)]
    asian = _asian(text)
    pieces: list[tuple[str, str]] = []
    for other, run in groupby(text, lambda one: _font_of(one, asian)):
        letters = "".join(run)
        pieces.append((other or font, letters if other is not None else _LACKING * len(letters)))
    return pieces


def _asian(text: str) -> str:
    """Whose letters the Chinese ones of a text are."""
    if re.search("[\u3040-\u30ff]", text):
        return JAPANESE
    return KOREAN if re.search("[\uac00-\ud7a3]", text) else CHINESE


def _font_of(letter: str, asian: str) -> str | None:
    """ "" for the usual one, None where there is none."""
    if letter in _letters():
        return ""
    return (
        asian
        if re.match("[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef]", letter)
        else None
    )


def _width(text: str, font: str, size: float) -> float:
    widths = (pdfmetrics.stringWidth(run, name, size) for name, run in _runs(text, font))
    return float(sum(widths))


@lru_cache(maxsize=4096)  # sites, models and reasons come again and again
def _wrapped(text: str, font: str, size: float, width: float) -> tuple[str, ...]:
    """Lines of at most this width: broken at spaces, within words where they are too long."""
    lines, line = [], ""
    for word in re.findall(r"\S+\s*", text) or [""]:
        while _width(line + word.rstrip(), font, size) > width:
            if line:
                lines.append(line.rstrip())
                line = ""
            else:
                fits = _fitting(word, font, size, width)
                lines.append(word[:fits])
                word = word[fits:]
            if len(lines) > MOST_LINES:
                break
        line += word
    lines = [*lines, line.rstrip()] if line.strip() or not lines else lines
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"{lines[MOST_LINES - 1][:-1]}…"]
    return tuple(lines)


def _fitting(word: str, font: str, size: float, width: float) -> int:
    """How many letters of a word fit; one at least."""
    most = 1
    while most < len(word) and _width(word[: most + 1], font, size) <= width:
        most += 1
    return most
