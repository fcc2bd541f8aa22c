"""Numbers and dates are read as spreadsheet programs show them."""

# ruff: noqa: DTZ001  workbooks know no time zones

from datetime import date, datetime, time, timedelta

import pytest

from image2model.documents.number_format import shown_date, shown_number


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (123, "0000000", "0000123"),
        (1987.1, "0.00", "1987.10"),
        (1987.1, None, "1987.1"),
        (17, '"ART-"0000', "ART-0017"),
        (17, r"\A\R\T0000", "ART0017"),
        (123456789, "000-00-0000", "123-45-6789"),
        (1234.5, '"$"#,##0.00_);[Red]("$"#,##0.00)', "$1,234.50"),
        (-1234.5, '"$"#,##0.00_);[Red]("$"#,##0.00)', "($1,234.50)"),
        (-5, "0000", "-0005"),
        (0, '0;-0;"none"', "none"),
        (0.5, "0%", "50%"),
        (1.005, "0.00", "1.01"),
        (3.456, "0.##", "3.46"),
        (1_234_567, "#,##0", "1,234,567"),
        (1_234_567, "0.0,,", "1.2"),
        (1_234_567, '#,##0,"k"', "1,235k"),
        (7, "[$€-407] 0.00", "€ 7.00"),
        (5, '[<10]0" small";0', "5 small"),
        (50, '[<10]0" small";0', "50"),
        (2, 'General" pcs"', "2 pcs"),
        (12, "@", "12"),
        (0.1 + 0.2, "General", "0.3"),
        (4_006_381_333_931, "0.00E+00", "4006381333931"),
        (1.5, "0.00E+00", None),
        (0.25, "# ?/?", None),
        (12, "[DBNum1]0", None),
    ],
)
def test_numbers(value: float, number_format: str | None, shown: str | None) -> None:
    assert shown_number(value, number_format) == shown


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (datetime(2024, 3, 1), "dd.mm.yyyy", "01.03.2024"),
        (datetime(2024, 3, 1), "d/m/yy", "1/3/24"),
        (datetime(2024, 3, 1), "[$-407]dd.mm.yyyy", "01.03.2024"),
        (datetime(2024, 3, 1), "yyyy", "2024"),
        (datetime(2024, 3, 1), "[$-409]d. mmmm yyyy", "1. March 2024"),
        (datetime(2024, 3, 1), "dddd, mmm d", "Friday, Mar 1"),
        (datetime(2024, 3, 1, 13, 5), "h:mm AM/PM", "1:05 PM"),
        (datetime(2024, 3, 1, 13, 5, 9), "yyyy-mm-dd hh:mm:ss", "2024-03-01 13:05:09"),
        (time(13, 5), "h:mm", "13:05"),
        (timedelta(hours=30, minutes=5, seconds=7), "[h]:mm:ss", "30:05:07"),
        # What looks different in every country is written as in ISO 8601.
        (datetime(2024, 3, 1), "mm-dd-yy", "2024-03-01"),
        (datetime(2024, 3, 1), "[$-407]d. mmmm yyyy", "2024-03-01"),
        (datetime(2024, 3, 1), "[$-F800]dddd, mmmm dd, yyyy", "2024-03-01"),
        (datetime(2024, 3, 1, 13, 5), "m/d/yy h:mm", "2024-03-01T13:05:00"),
        (date(2024, 3, 1), None, "2024-03-01"),
    ],
)
def test_dates(value: date | time | timedelta, number_format: str | None, shown: str) -> None:
    assert shown_date(value, number_format) == shown
