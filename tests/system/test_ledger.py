"""The ledger counts every file once, names the first three of each reason, and tells whether something is missing."""

from __future__ import annotations

from encnet.system.ledger import Ledger


def test_an_empty_ledger_says_so_and_is_complete() -> None:
    assert Ledger().lines() == ["files: 0 found; used: none"]
    assert Ledger().complete


def test_files_are_counted_and_the_first_three_are_named() -> None:
    ledger = Ledger()
    ledger.use("photographs", 4)
    ledger.use("photographs")
    ledger.leave_out("encnet does not read .heic; convert them to .jpg", "a.heic", "b.heic", "c.heic", "d.heic")
    ledger.leave_out("it is hidden", ".thumb.jpg", meant=False)
    assert ledger.found == 10
    assert ledger.lines() == [
        "files: 10 found; used: 5 photographs",
        "left out: 4 files (a.heic, b.heic, c.heic, ...): encnet does not read .heic; convert them to .jpg",
        "left out: 1 file (.thumb.jpg): it is hidden",
    ]
    assert not ledger.complete


def test_one_file_is_named_in_the_singular() -> None:
    ledger = Ledger()
    for kind in ("photographs", "files of labels", "photographs predicted before", "description"):
        ledger.use(kind)
    used = "1 photograph, 1 file of labels, 1 photograph predicted before, 1 description"
    assert ledger.lines() == [f"files: 4 found; used: {used}"]


def test_pages_after_the_first_are_left_out() -> None:
    ledger = Ledger()
    ledger.use("photographs", 2)
    ledger.leave_out_pages("a.png", 0)
    assert ledger.complete
    ledger.leave_out_pages("scan.tif", 1)
    last = "only the first of a file is used; save each as a file of its own"
    assert ledger.lines() == [
        "files: 2 found; used: 2 photographs",
        f"left out: 1 further page or frame (scan.tif): {last}",
    ]
    assert not ledger.complete
    other = Ledger()
    other.leave_out_pages("film.gif", 3)
    ledger.merge(other)
    assert ledger.lines()[1] == f"left out: 4 further pages or frames (scan.tif, film.gif): {last}"


def test_what_nobody_meant_leaves_the_ledger_complete() -> None:
    ledger = Ledger()
    ledger.leave_out("it is a README", "README.md", meant=False)
    assert ledger.complete and ledger.found == 1


def test_a_reason_without_files_gives_no_line() -> None:
    ledger = Ledger()
    ledger.leave_out("nothing")
    assert ledger.lines() == ["files: 0 found; used: none"] and ledger.complete


def test_two_ledgers_are_added() -> None:
    one, two = Ledger(), Ledger()
    one.use("photographs")
    two.use("photographs", 2)
    one.leave_out("damaged", "a.jpg")
    two.leave_out("damaged", "b.jpg")
    one.merge(two)
    assert one.lines() == ["files: 5 found; used: 3 photographs", "left out: 2 files (a.jpg, b.jpg): damaged"]
