"""A radix tree from token sequences to values. Pure.

Invariants: no node but the root is both without values and without a fork below it; siblings differ in their first
token. So there are at most two nodes a value, and a look-up takes time linear in the tokens it is given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(eq=False, slots=True)
class _Node(Generic[V]):
    """edge: the tokens between the parent and here. children: by the first token of their edge."""

    edge: list[int]
    values: list[V] = field(default_factory=list)
    children: "dict[int, _Node[V]]" = field(default_factory=dict)


class RadixTree(Generic[V]):
    """Values by token sequences, of which several may be equal or one the beginning of another."""

    def __init__(self) -> None:
        self._root: _Node[V] = _Node([])

    def insert(self, tokens: Sequence[int], value: V) -> None:
        """Add `value` at `tokens`."""
        node, depth = self._root, 0
        while depth < len(tokens):
            child = node.children.get(tokens[depth])
            if child is None:
                node.children[tokens[depth]] = _Node(list(tokens[depth:]), [value])
                return
            n = _n_common(child.edge, tokens, depth)
            if n < len(child.edge):
                fork: _Node[V] = _Node(child.edge[:n], [], {child.edge[n]: child})
                node.children[tokens[depth]] = fork
                child.edge = child.edge[n:]
                child = fork
            node, depth = child, depth + n
        node.values.append(value)

    def remove(self, tokens: Sequence[int], value: V) -> None:
        """Take out `value`, which was inserted at `tokens`."""
        path, depth = [self._root], 0
        while depth < len(tokens):
            path.append(path[-1].children[tokens[depth]])
            depth += len(path[-1].edge)
        values = path[-1].values
        del values[next(index for index, other in enumerate(values) if other is value)]
        if len(path) > 1 and not values and not path[-1].children:
            del path[-2].children[path.pop().edge[0]]
        node = path[-1]
        if len(path) > 1 and not node.values and len(node.children) == 1:
            (child,) = node.children.values()
            child.edge = node.edge + child.edge
            path[-2].children[child.edge[0]] = child

    def shared(self, tokens: Sequence[int]) -> Iterator[tuple[int, V]]:
        """Give every value with the number of tokens that its own sequence and `tokens` begin with alike."""
        node, depth = self._root, 0
        while True:
            yield from ((depth, value) for value in node.values)
            on = node.children.get(tokens[depth]) if depth < len(tokens) else None
            for child in node.children.values():
                if child is not on:
                    yield from ((depth, value) for value in _below(child))
            if on is None:
                return
            n = _n_common(on.edge, tokens, depth)
            depth += n
            if n < len(on.edge):
                yield from ((depth, value) for value in _below(on))
                return
            node = on


def _below(node: _Node[V]) -> Iterator[V]:
    nodes = [node]
    while nodes:
        node = nodes.pop()
        yield from node.values
        nodes += node.children.values()


def _n_common(edge: list[int], tokens: Sequence[int], start: int) -> int:
    n = min(len(edge), len(tokens) - start)
    if edge[:n] == tokens[start : start + n]:
        return n
    return next(index for index in range(n) if edge[index] != tokens[start + index])
