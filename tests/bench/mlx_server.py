"""`python -m tests.bench.mlx_server ...`: `mlx_lm.server` as it is, on the fast BLAS that Hearthline's worker uses."""

from inference.blas import load_fast_blas


def main() -> None:
    """Serve until killed. Arguments are mlx_lm.server's own."""
    load_fast_blas()  # before MLX is imported, or it has no effect
    from mlx_lm.server import main as serve

    serve()


if __name__ == "__main__":
    main()
