"""Which BLAS is put under MLX, and that it makes the difference it is there for."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from inference import blas
from inference.blas import BlasChoice, load_fast_blas
from inference.errors import BlasError


def run(code: str, **environment: str) -> str:
    """Run `code` in a fresh process: which BLAS is used is decided once per process."""
    variables = {name: value for name, value in os.environ.items() if name != blas.ENVIRONMENT_VARIABLE}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return answer.stdout + answer.stderr


def test_the_fast_one_is_ten_times_faster() -> None:
    measure = "from inference.blas import *; load_fast_blas(); print(measure_gflops(512))"

    assert float(run(measure)) > 10 * float(run(measure, HEARTHLINE_BLAS="none"))


def test_second_call_returns_the_first_choice() -> None:
    assert load_fast_blas() is load_fast_blas()
    assert load_fast_blas().is_fast


def test_too_late_is_said() -> None:
    output = run("import mlx.core; from inference.blas import load_fast_blas; load_fast_blas()")

    assert "BlasError: mlx.core was imported before the fast BLAS was loaded" in output


def test_none_keeps_the_slow_one_and_says_so() -> None:
    output = run("from inference.blas import *; print(load_fast_blas())", HEARTHLINE_BLAS="none")

    assert "name='reference'" in output
    assert "is_fast=False" in output


@pytest.mark.parametrize(
    ("library", "reason"),
    [("/no/such/libblas.so", "cannot open shared object"), ("libm.so.6", "no symbol cblas_sgemm")],
)
def test_named_library_that_cannot_serve(library: str, reason: str) -> None:
    output = run("from inference.blas import *; load_fast_blas()", HEARTHLINE_BLAS=library)

    assert f"BlasError: HEARTHLINE_BLAS={library} cannot be used (" in output
    assert reason in output
    assert "name another library, or unset it" in output


def test_library_with_64_bit_integers_is_refused() -> None:
    def config() -> bytes:
        return b"OpenBLAS 0.3.29 NO_LAPACKE USE64BITINT DYNAMIC_ARCH"

    library = SimpleNamespace(cblas_sgemm=None, sgemm_=None, openblas_get_config=config)

    with pytest.raises(BlasError, match="64-bit integers"):
        blas._require_lp64_blas(library)  # type: ignore[arg-type]


def test_nothing_found_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_load_openblas", lambda: None)
    monkeypatch.setattr(blas, "_load_mkl", lambda: None)
    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)
    monkeypatch.delenv(blas.ENVIRONMENT_VARIABLE, raising=False)

    choice: BlasChoice = blas._choose()

    assert not choice.is_fast
    assert "apt install libopenblas0" in choice.reason
