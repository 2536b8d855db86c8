"""Results as Excel workbooks (Office Open XML): one sheet, written row by row.

A value is a number where Excel's double is exactly that number, a date where it is a DATE, else text. The libraries for
workbooks write doubles with 16 digits, which is not every double; here numbers have all digits they need.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from lakebed._cli.render import Column, Row
from lakebed.errors import InvalidArgument

__all__ = ["write_workbook"]

_MOST_ROWS, _MOST_COLUMNS, _LONGEST_TEXT = 1_048_576, 16_384, 32_767
_EPOCH = dt.date(1899, 12, 30)
_FIRST_DATE = dt.date(1900, 3, 1)
"""Excel counts a 29 February 1900, so that days before it have other numbers."""

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="result" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    # Cell formats: 0 is the default, 1 bold, 2 a date.
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '</numFmts><fonts count="2"><font/><font><b/></font></fonts><fills count="2"><fill><patternFill patternType="none"/>'
    '</fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf fontId="1" applyFont="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>',
}


def write_workbook(columns: Sequence[Column], rows: Iterable[Row], target: IO[bytes]) -> int:
    """Writes a workbook; the number of rows. Memory is bounded.

    Raises `InvalidArgument` for what a sheet cannot hold exactly; the message names the column and a cast.
    """
    if len(columns) > _MOST_COLUMNS:
        message = (
            f"The result has {len(columns):,} columns, and a sheet of Excel at most {_MOST_COLUMNS:,}: select fewer."
        )
        raise InvalidArgument(message)
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in _PARTS.items():
            file.writestr(zipfile.ZipInfo(name), _HEAD + text, zipfile.ZIP_DEFLATED)
        sheet = zipfile.ZipInfo("xl/worksheets/sheet1.xml")
        sheet.compress_type = zipfile.ZIP_DEFLATED
        with file.open(sheet, "w", force_zip64=True) as out:
            out.write((_HEAD + f'<worksheet xmlns="{_MAIN}"><sheetData>').encode())
            names = "".join(_text(column.name, column, 1) for column in columns)
            out.write(f"<row>{names}</row>".encode())
            for line in _lines(columns, rows):
                out.write(line)
                count += 1
            out.write(b"</sheetData></worksheet>")
    return count


def _lines(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    for number, row in enumerate(rows, 2):
        if number > _MOST_ROWS:
            message = f"A sheet of Excel has at most {_MOST_ROWS - 1:,} rows below its heading: write csv or parquet, or fewer rows."
            raise InvalidArgument(message)
        cells = "".join(_cell(value, column) for value, column in zip(row, columns, strict=True))
        yield f"<row>{cells}</row>".encode()


def _cell(value: str | None, column: Column) -> str:
    if value is None or value in ("nan", "-nan"):
        return "<c/>"
    if column.is_number and value not in ("inf", "-inf"):
        return f"<c><v>{_number(value, column)}</v></c>"
    if column.type == "BOOLEAN":
        return f'<c t="b"><v>{int(value == "true")}</v></c>'
    if column.type == "DATE" and (days := _days(value)) is not None:
        return f'<c s="2"><v>{days}</v></c>'
    return _text(value, column)


def _number(value: str, column: Column) -> str:
    """The digits of a number, which Excel reads as the same number."""
    nearest = repr(float(value))
    # The text of a double is the shortest that means it; other types have all their digits.
    if column.type not in ("DOUBLE", "FLOAT") and Decimal(nearest) != Decimal(value):
        raise _inexact(column, f"the number {value}")
    return nearest.removesuffix(".0")


def _days(value: str) -> int | None:
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        return None
    return (day - _EPOCH).days if day >= _FIRST_DATE else None


def _text(value: str, column: Column, style: int = 0) -> str:
    if len(value.encode("utf-16-le", "surrogatepass")) > 2 * _LONGEST_TEXT:
        what = f"a text of {len(value):,} characters, and a cell of Excel has at most {_LONGEST_TEXT:,}"
        message = f"The column {column.name} holds {what}: select a part of it, as in {_quoted(column.name)}[:32767]."
        raise InvalidArgument(message)
    text = escape(_CODES.sub(lambda found: f"_x{ord(found[0]):04X}_", value))
    look = f" s={quoteattr(str(style))}" if style else ""
    return f'<c t="inlineStr"{look}><is><t xml:space="preserve">{text}</t></is></c>'


_CODES = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]|_(?=x[0-9A-Fa-f]{4}_)")
"""What XML cannot hold, and what would be read as the code of such a character."""


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def _inexact(column: Column, what: str) -> InvalidArgument:
    return InvalidArgument(
        f"The column {column.name} holds {what}, which Excel cannot hold exactly: write CAST({_quoted(column.name)} AS VARCHAR)."
    )
