"""Tables as spreadsheet programs write them, and people paste them."""

from __future__ import annotations

import pytest

from flashpay.refusals import Refusal
from payouts.batches.reading import MOST_BYTES, MOST_ROWS, Row, table_read
from payouts.batches.selectors import SAMPLE, sample_csv

ANNA = Row(2, "anna@example.com", "25000", "SAT", "A-1", "Hours")
PLAIN = "destination,amount,currency,reference,note\nanna@example.com,25000,SAT,A-1,Hours\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", ";").encode("utf-8-sig"),
        PLAIN.replace(",", "\t").encode(),
        ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
        PLAIN.replace("destination", " Lightning Address ").replace("note", "MEMO").encode(),
        b"Note;Ref;Unit;Sum;To\nHours;A-1;SAT;25000;anna@example.com",
        b'"destination","amount","currency","reference","note"\n"anna@example.com","25000","SAT","A-1","Hours"\n\n\n',
    ],
)
def test_it_reads_the_same_payment_however_it_was_written(content: bytes) -> None:
    table = table_read(content)
    assert table.rows == [ANNA]
    assert table.content_sha256 == table_read(PLAIN.encode()).content_sha256


def test_rows_count_as_in_the_spreadsheet_and_blank_ones_are_left_out() -> None:
    table = table_read(b"destination,amount\n\n a@example.com , 10000 \n,\nb@example.com,20000")
    assert [(row.line, row.destination, row.amount) for row in table.rows] == [
        (3, "a@example.com", "10000"),
        (5, "b@example.com", "20000"),
    ]


def test_a_cell_may_hold_commas_quotes_and_line_breaks() -> None:
    table = table_read(
        b'destination,amount,note\na@example.com,"12,500","He said ""thanks"",\r\ntwice"\nb@example.com,1,x'
    )
    assert table.rows[0].amount == "12,500"
    assert table.rows[0].note == 'He said "thanks",\r\ntwice'
    assert table.rows[1].line == 3


def test_a_list_without_header_is_read_in_the_order_of_ours() -> None:
    table = table_read(b"anna@example.com;25000;SAT;A-1;Hours\nben@example.com;10000")
    assert table.rows == [
        Row(1, "anna@example.com", "25000", "SAT", "A-1", "Hours"),
        Row(2, "ben@example.com", "10000"),
    ]
    assert table_read(b"lnbc1pvjluez\nlnbc1pvjluex").rows[1] == Row(2, "lnbc1pvjluex")


def test_columns_that_it_does_not_know_are_named_and_left_alone() -> None:
    table = table_read(b"destination,amount,bank,\na@example.com,1,ACME,")
    assert table.ignored_columns == ["bank"]
    assert not table.rows[0].extra


def test_a_row_with_more_cells_than_columns_is_marked() -> None:
    assert table_read(b"destination,amount\na@example.com,10,000").rows[0].extra


def test_our_own_guard_against_formulas_is_taken_off_again() -> None:
    assert table_read(b"destination,amount,note\na@example.com,1,'=1+1").rows[0].note == "=1+1"
    assert table_read(b"destination,amount,note\na@example.com,1,'tis").rows[0].note == "'tis"


def test_letters_of_windows_are_read() -> None:
    assert table_read("destination,note\na@example.com,Café\n".encode("cp1252")).rows[0].note == "Café"


def test_the_sample_reads_back_as_itself() -> None:
    rows = table_read("".join(sample_csv()).encode()).rows
    assert [(row.destination, row.amount, row.currency, row.reference, row.note) for row in rows] == list(SAMPLE[1:])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "nothing in it"),
        (b"\n , ,\n", "nothing in it"),
        (b"destination,amount\n", "no rows below"),
        (b"who,how much\nanna,5", "must name the columns"),
        (b"to,address,amount\na@example.com,b@example.com,5", "Two of its columns could be the destination"),
        (b"PK\x03\x04rest of a workbook", "workbook"),
        (b"destination,amount\n\x00\x01,5", "not a text file"),
        (b"\xff\xfe\x41", "not a text file"),
        (b'destination,amount\n"' + b"a" * 200_000 + b'",5', "not a table that can be read"),
        (b"destination\n" + b"a@example.com\n" * (MOST_ROWS + 1), "2,000 are taken at once"),
        (b"destination\n" + b"a" * MOST_BYTES, "larger than 1 MB"),
    ],
)
def test_it_says_what_is_wrong_with_what_is_no_table(content: bytes, sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as refused:
        table_read(content)
    assert (refused.value.code, refused.value.field) == ("invalid-file", "file")


def test_two_thousand_rows_are_taken() -> None:
    content = b"destination,amount\n" + b"".join(b"p%d@example.com,10000\n" % number for number in range(MOST_ROWS))
    assert len(table_read(content).rows) == MOST_ROWS
