"""A report as the file that was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from devices.lists.reading import harmless
from devices.lists.writing import Form, Sheet, Written, csv_of, xlsx_of
from resets.campaigns.report.facts import Report, Table
from resets.campaigns.report.pdf import pdf_of


class ReportForm(StrEnum):
    """What a report is written as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        return "application/pdf" if self is ReportForm.PDF else Form(self.value).media_type


def written(report: Report, form: ReportForm) -> Written:
    """The report, piece by piece."""
    write = {ReportForm.CSV: _csv, ReportForm.XLSX: _xlsx, ReportForm.PDF: _pdf}[form]
    return Written(f"{report.file_name}.{form}", form.media_type, write(report))


def _csv(report: Report) -> Iterator[bytes]:
    """One table below the other, with an empty line between."""
    return csv_of(_rows(report.tables))


def _rows(tables: Sequence[Table]) -> Iterator[Sequence[str]]:
    for number, table in enumerate(tables):
        if number:
            yield ()
        yield [harmless(head) for head in table.heads]
        yield from _lines(table)


def _xlsx(report: Report) -> Iterator[bytes]:
    """Each table on a sheet of its own."""
    return xlsx_of(
        Sheet(table.name, [harmless(head) for head in table.heads], _lines(table), _wide(table))
        for table in report.tables
    )


def _lines(table: Table) -> Iterator[Sequence[str]]:
    return ([harmless(cell) for cell in row] for row in table.rows)


def _wide(table: Table) -> Sequence[int]:
    return [max(12, share * 3 // 2) for share in table.widths]


def _pdf(report: Report) -> Iterator[bytes]:
    yield pdf_of(report.title, report.tables)
