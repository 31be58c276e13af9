"""When garbage is looked for: a little at a time while nobody waits, so that it need not be while somebody does.

Invariant: the collector's own thresholds stay as they are behind this, for a process that makes much and never waits.
"""

import gc

_MANY_YOUNG = 2_000
"""Objects made and not yet gone; going through them takes half a millisecond, beside a very long list of lines two."""
_MANY_TIMES = 20


def collect_young() -> None:
    """Go through the objects that are new, where they are many; now and then through older ones as well."""
    n_young, n_times, n_times_older = gc.get_count()
    if n_young >= _MANY_YOUNG:
        gc.collect(0 if n_times < _MANY_TIMES else 1 if n_times_older < _MANY_TIMES else 2)
