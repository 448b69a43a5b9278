"""What DATA may be: what is read of each kind, and what is said of what is wrong with it."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import pellucid
from pellucid.commands.data_files import parquet
from pellucid.commands.data_files.csv_lines import line_of_row

ASKED = ("--target", 0, "--method", "saliency")
HEAD = "name,age,income,visits\n"


def examples(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    explained: list[dict[str, Any]] = json.loads(result.stdout)["examples"]
    return explained


def names(result: Any) -> list[Any]:
    return [example["example"] for example in examples(result)]


def features(result: Any) -> list[str]:
    return [feature["name"] for feature in examples(result)[0]["features"]]


def test_a_table_by_its_columns(call: Any):
    result = call("explain", "churn:network", "customers.csv", "--index", "name", *ASKED, "--out", "a.csv", "--json")
    network = importlib.import_module("churn").network
    frame = pandas.read_csv("customers.csv").set_index("name")
    expected = pellucid.explain(network, frame, target=0, method="saliency")
    assert Path("a.csv").read_text() == expected.to_csv()
    assert names(result) == ["Ann", "Bo", "Cy"]
    assert features(result) == ["age", "income", "visits"]


def test_columns_go_in_as_they_are_named(call: Any):
    result = call("explain", "churn:network", "customers.csv", "--columns", "visits, age,income", *ASKED, "--json")
    assert features(result) == ["visits", "age", "income"]


@pytest.mark.parametrize(
    ("rows", "expected"), [("1:", [1, 2]), (":2", [0, 1]), ("1:2", [1]), ("2", [2]), ("1:9", [1, 2])]
)
def test_some_rows_keep_their_numbers(rows: str, expected: list[int], call: Any):
    result = call("explain", "churn:network", "customers.csv", "--drop", "name", "--rows", rows, *ASKED, "--json")
    assert names(result) == expected
    np.save("x.npy", np.ones((3, 3), dtype=np.float32))
    assert names(call("explain", "churn:network", "x.npy", "--rows", rows, *ASKED, "--json")) == list(
        map(str, expected)
    )


def test_words_beside_the_rows_that_are_wanted_do_not_matter(call: Any):
    Path("customers.csv").write_text("a,b,c\n1,2,3\n4,5,6\nx,y,z\n")
    assert names(call("explain", "churn:network", "customers.csv", "--rows", ":2", *ASKED, "--json")) == [0, 1]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_table_on_the_standard_input(start: str, call: Any):
    sent = (start + "age,income,visits\n39,3.1,2\n").encode()
    assert features(call("explain", "churn:network", "-", *ASKED, "--json", sent=sent)) == ["age", "income", "visits"]


def test_arrays(call: Any):
    rows = np.random.default_rng(0).normal(size=(2, 3))
    np.savez("one.npz", only=rows)
    np.savez("two.npz", first=rows * 0, second=rows)
    np.save("x.npy", rows)
    sent = io.BytesIO()
    np.save(sent, rows)
    asked = (*ASKED, "--json", "--quiet")
    expected = examples(call("explain", "churn:network", "x.npy", *asked))
    assert examples(call("explain", "churn:network", "one.npz", *asked)) == expected
    assert examples(call("explain", "churn:network", "two.npz", "--key", "second", *asked)) == expected
    assert examples(call("explain", "churn:network", "-", "--format", "npy", *asked, sent=sent.getvalue())) == expected
    Path("x.npy").rename("odd.data")
    assert examples(call("explain", "churn:network", "odd.data", "--format", "npy", *asked)) == expected


def test_ids_stay_integers(folder: Path, call: Any):
    Path("tokens.py").write_text(
        "import torch\nmodel = torch.nn.Sequential(torch.nn.Embedding(5, 2), torch.nn.Flatten(), "
        "torch.nn.Linear(6, 1)).eval()\n"
    )
    np.save("ids.npy", np.array([[1, 2, 3], [4, 0, 1]]))
    assert call("explain", "tokens:model", "ids.npy", "--method", "integrated_gradients").exit_code in (0, 3)


def test_doubles_become_what_the_model_has(call: Any):
    np.save("x.npy", np.ones((1, 3), dtype=np.float64))
    assert call("explain", "churn:network", "x.npy", *ASKED).exit_code == 0


def test_parquet(call: Any, monkeypatch: pytest.MonkeyPatch):
    Path("customers.parquet").touch()
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    result = call("explain", "churn:network", "customers.parquet")
    assert (result.exit_code, result.stderr) == (
        1,
        "pellucid: customers.parquet: parquet takes pyarrow: pip install pyarrow\n",
    )
    monkeypatch.setattr(parquet, "find_spec", lambda name: name)
    monkeypatch.setattr(pandas, "read_parquet", lambda file, engine: pandas.read_csv("customers.csv"))
    result = call("explain", "churn:network", "customers.parquet", "--index", "name", *ASKED, "--json")
    assert names(result) == ["Ann", "Bo", "Cy"]
    result = call("explain", "churn:network", "customers.parquet")
    assert result.stderr == (
        "pellucid: customers.parquet, row 1, column 'name': expected a number. Hint: --drop name.\n"
    )


def test_parquet_with_pyarrow(call: Any):
    pytest.importorskip("pyarrow")
    asked = ("--index", "name", *ASKED)
    assert call("explain", "churn:network", "customers.csv", *asked, "--out", "a.parquet").exit_code == 0
    assert call("explain", "churn:network", "customers.csv", *asked, "--out", "a.csv").exit_code == 0
    pandas.testing.assert_frame_equal(
        pandas.read_parquet("a.parquet"), pandas.read_csv("a.csv"), check_dtype=False, check_exact=False
    )
    Path("cut.parquet").write_bytes(Path("a.parquet").read_bytes()[:50])
    result = call("explain", "churn:network", "cut.parquet")
    assert result.stderr == "pellucid: cut.parquet: it is no parquet file, or only a part of one.\n"


# ----------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "d.csv is empty: expected a line with the names of the columns, and rows below."),
        ("\n\n", "d.csv is empty: expected a line with the names of the columns, and rows below."),
        ("a,b,c\n", "d.csv has no rows below the names of its columns."),
        ("a,b,a\n1,2,3\n", "d.csv, line 1: the column 'a' is there 2 times."),
        ("a,b,c\n1,2,3\n4,x,6\n", "d.csv, line 3, column 'b': expected a number. Hint: --drop b."),
        ("a,b,c\n1,x,3\n4,5,y\n", "d.csv, line 2, column 'b': expected a number. Hint: --drop b,c."),
        ('a,"b,1",c\n1,x,3\n', "d.csv, line 2, column 'b,1': expected a number. Hint: --drop '\"b,1\"'."),
        ('a,b,c\n"1",2,3\n\n  \n4,"5\n\n5",6\n', "d.csv, line 5, column 'b': expected a number. Hint: --drop b."),
        ('"a\na",b,c\n1,2,3\n4,,6\n', "d.csv, line 4, column 'b': a number is missing. Hint: --drop b."),
        ("a,b,c\n1,2,3\n4,NA,6\n", "d.csv, line 3, column 'b': a number is missing. Hint: --drop b."),
        ("a,b,c\n1,2,3\n\n4,5\n", "d.csv, line 4: expected 3 cells, as in the first line, got 2."),
        ("a,b,c\n1,2,3\n4,5,6,7\n", "d.csv, line 3: expected 3 cells, as in the first line, got 4."),
        ("a,b,c\n1,2,3\n4,-inf,6\n", "d.csv, line 3, column 'b': expected a finite number. Hint: --drop b."),
        ("a;b;c\n1;2;3\n", "d.csv, line 1: expected commas between columns, got ';'."),
        ("a\tb\n1\t2\n", "d.csv, line 1: expected commas between columns, got '\\t'."),
        ("a,b,c\n1,2,3,4\n5,6,7,8\n", "d.csv, line 2: expected 3 cells, as in the first line, got 4."),
        ("a,b,c\r\n1,2,3\r\n4,x,6\r\n", "d.csv, line 3, column 'b': expected a number. Hint: --drop b."),
        (
            b"a,b,c\n1,2,3\n4,\xe9,6\n",
            "d.csv, line 3: expected UTF-8, got other bytes. Hint: iconv -f LATIN1 -t UTF-8.",
        ),
        (b"a,b,c\n1,\0,3\n", "d.csv, line 2, column 'b': expected a number. Hint: --drop b."),
    ],
)
def test_what_is_wrong_with_a_csv(text: str | bytes, said: str, call: Any):
    Path("d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = call("explain", "churn:network", "d.csv")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"pellucid: {said}\n")


def test_no_cell_is_shown(call: Any):
    Path("d.csv").write_text("a,b,secret\n1,2,Rumpelstiltskin\n")
    assert "Rumpelstiltskin" not in call("explain", "churn:network", "d.csv").output


def test_lines_of_rows_are_those_of_the_file():
    text = 'a,b\n\n"1\n1",2\n   \n3,4\r\n5,"\n\n\n6"\n7,8\n'
    rows = pandas.read_csv(io.StringIO(text, newline=""), index_col=False)
    starts = [line_of_row(text, row) for row in range(len(rows))]
    assert starts == [3, 6, 7, 11]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Path("d.npy").write_text("nothing"), "d.npy: it is no file of NumPy, or only a part of one."),
        (lambda: Path("d.npy").touch(), "d.npy: it is no file of NumPy, or only a part of one."),
        (
            lambda: np.save("d.npy", np.array([{}]), allow_pickle=True),
            "d.npy: it holds Python objects, which are not unpickled, as that runs whatever code they hold.",
        ),
        (lambda: np.save("d.npy", np.array(["a"])), "d.npy: expected numbers, in rows: got <U1 of shape (1,)."),
        (lambda: np.save("d.npy", np.array(3.0)), "d.npy: expected numbers, in rows: got float64 of shape ()."),
        (lambda: np.save("d.npy", np.ones((0, 3))), "d.npy: expected numbers, in rows: got float64 of shape (0, 3)."),
    ],
)
def test_what_is_wrong_with_an_array(make: Any, said: str, call: Any):
    make()
    result = call("explain", "churn:network", "d.npy")
    assert (result.exit_code, result.stderr) == (1, f"pellucid: {said}\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n\n", "d.txt is empty: expected a text in each line."),
        (b"one\n\ntwo \xff\n", "d.txt, line 3: expected UTF-8, got other bytes. Hint: iconv -f LATIN1 -t UTF-8."),
    ],
)
def test_what_is_wrong_with_texts(content: bytes, said: str, call: Any):
    Path("d.txt").write_bytes(content)
    result = call("explain", "churn:network", "d.txt")
    assert (result.exit_code, result.stderr) == (1, f"pellucid: {said}\n")


def test_nothing_on_the_standard_input(call: Any):
    result = call("explain", "churn:network", "-", sent=b"")
    assert (result.exit_code, result.stderr) == (1, "pellucid: standard input is empty.\n")


def test_errors_on_the_standard_input_have_lines(call: Any):
    result = call("explain", "churn:network", "-", sent="a,b\n1,x\n")
    assert result.stderr == "pellucid: standard input, line 2, column 'b': expected a number. Hint: --drop b.\n"


def test_a_model_of_other_columns_is_told_their_shape(call: Any):
    Path("d.csv").write_text("a,b\n1,2\n")
    result = call("explain", "churn:network", "d.csv")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "pellucid: MODEL raised RuntimeError in churn.py, line 14: mat1 and mat2 shapes cannot be multiplied "
        "(1x2 and 3x4). Hint: 'inner' (Linear) takes 3 features; it was given (1, 2)."
    )
    assert torch.get_num_threads()


def test_columns_are_named_once_and_by_one_option(call: Any):
    Path("d.csv").write_text("a,b,c\n1,2,3\n")
    twice = call("explain", "churn:network", "d.csv", "--columns", "a,b,a")
    assert (twice.exit_code, twice.stderr) == (2, "pellucid: --columns must name each column once: got 'a' twice.\n")
    taken = call("explain", "churn:network", "d.csv", "--columns", "a,b", "--drop", "a")
    assert taken.stderr == "pellucid: --columns: the column 'a' is taken by an option before it.\n"


def test_an_array_of_one_dimension_has_no_rows(call: Any):
    np.save("one.npy", np.ones(3, dtype=np.float32))
    result = call("explain", "churn:network", "one.npy")
    assert result.stderr == "pellucid: one.npy: expected numbers, in rows: got float32 of shape (3,).\n"
