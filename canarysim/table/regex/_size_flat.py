"""How RE2 flattens a program, as far as its size depends on it.

Fact (re2/prog.cc of 2025-11). Choices vanish: what a place can go on to is written in one list behind it. What
several lists would hold becomes a list of its own, and they refer to it with one instruction each. The choice
between any byte again and the match stays.
"""

from __future__ import annotations

__all__ = ["ALT", "ALT_MATCH", "BYTE", "CAPTURE", "FAIL", "MATCH", "NOP", "WHERE", "Flat"]

FAIL, ALT, ALT_MATCH, BYTE, CAPTURE, WHERE, NOP, MATCH = range(8)  # kinds of instructions


class Flat:
    """A program: for each instruction its kind, where it goes on, and where else if it is a choice.

    Number 0 fails, and nowhere is it.
    """

    def __init__(self, kinds: list[int], outs: list[int], others: list[int]) -> None:
        self.kinds, self.outs, self.others = kinds, outs, others
        self.roots: set[int] = set()

    def size(self, anywhere: int, start: int) -> int:
        before = self.mark_successors(anywhere, start)
        for root in sorted(self.roots, reverse=True):
            if root and root not in (anywhere, start):
                self.mark_shared(root, before)
        return sum(map(self.written, self.roots))

    def mark_successors(self, anywhere: int, start: int) -> dict[int, list[int]]:
        """Whatever follows an instruction that is no choice begins a list. Gives the choices before each."""
        self.roots = {0, anywhere, start}
        before: dict[int, list[int]] = {}
        seen: set[int] = set()
        stack = [anywhere]
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            kind, out = self.kinds[at], self.outs[at]
            if kind in (ALT, ALT_MATCH):
                for to in (out, self.others[at]):
                    before.setdefault(to, []).append(at)
                    stack.append(to)
            elif kind in (BYTE, CAPTURE, WHERE):
                self.roots.add(out)
                stack.append(out)
            elif kind == NOP:
                stack.append(out)
        return before

    def mark_shared(self, root: int, before: dict[int, list[int]]) -> None:
        """What a list shares with others begins one of its own."""
        _, seen = self.list_of(root)
        for at in seen:
            if any(choice not in seen for choice in before.get(at, ())):
                self.roots.add(at)

    def written(self, root: int) -> int:
        return self.list_of(root)[0]

    def list_of(self, root: int) -> tuple[int, set[int]]:
        """The length of the list that begins there, and what was met for it."""
        kinds, outs = self.kinds, self.outs
        length = 0
        seen: set[int] = set()
        stack = [root]
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            kind = kinds[at]
            if at != root and at in self.roots:
                length += 1
            elif kind in (ALT, ALT_MATCH):
                length += kind == ALT_MATCH
                stack += (self.others[at], outs[at])
            elif kind == NOP:
                stack.append(outs[at])
            else:
                length += 1
        return length, seen
