"""Caches of the compute process whose total size is limited in bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Sized(Protocol):
    """A value that knows how much memory it keeps."""

    @property
    def nbytes(self) -> int:
        """Size in bytes. It may grow while the value is in the cache."""
        ...


V = TypeVar("V", bound=Sized)


class ByteCache:
    """The values that were used last, up to a total size. The newest value is always kept."""

    def __init__(self, max_bytes: int) -> None:
        """Make an empty cache."""
        self.max_bytes = max_bytes
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        """Return whether a value is kept, without using it."""
        return key in self._values

    @property
    def nbytes(self) -> int:
        """Total size of the values, in bytes."""
        return sum(value.nbytes for value in self._values.values())

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of a key, which is made if it is not kept.

        Other values are dropped, oldest first, while their total size exceeds the limit.
        """
        if key not in self._values:
            self._values[key] = make()
        self._values.move_to_end(key)
        self.trim()
        value: V = self._values[key]
        return value

    def trim(self) -> None:
        """Drop values while their total size exceeds the limit, for values that have grown."""
        total = self.nbytes
        while total > self.max_bytes and len(self._values) > 1:
            _, value = self._values.popitem(last=False)
            total -= value.nbytes

    def discard(self, matches: Callable[[Any], bool]) -> None:
        """Drop the values whose keys match."""
        for key in [key for key in self._values if matches(key)]:
            del self._values[key]
