"""The models of a film of which single shots have a model of their own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from vidcolor.errors import UsageError, VidcolorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.options import ColorizeOptions, ShotOptions


class _Model(Protocol):
    """What the collection needs of a `Colorizer`."""

    vividness: float | None

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def has_confidence(self) -> bool: ...
    @property
    def has_vividness(self) -> bool: ...
    def check_vividness(self, vividness: float | None) -> None: ...


T = TypeVar("T", bound=_Model)


class ShotModels(Generic[T]):
    """The colorizer of a film, and those of models of single shots, loaded when needed.

    Thread-safe.
    """

    def __init__(self, film: T, name: str | None, load: Callable[[str], T]) -> None:
        """Create the collection.

        Args:
            film: colorizer of the film.
            name: name or path with which it was loaded, if it was.
            load: loads a model for the same device, precision and size.
        """
        self._film, self._load, self._lock = film, load, threading.Lock()
        self._loaded = {} if name is None else {name: film}

    def get(self, model: str | None) -> T:
        """Return the colorizer of a model; that of the film for None.

        Raises:
            WeightsError, UsageError: see `Colorizer.load`.
        """
        if model is None:
            return self._film
        with self._lock:
            if model not in self._loaded:
                loaded = self._load(model)
                loaded.vividness = self._film.vividness if loaded.has_vividness else None
                self._loaded[model] = loaded
            return self._loaded[model]

    def list_used(self, options: ColorizeOptions) -> list[T]:
        """Return the colorizers that a film with these options uses, that of the film first."""
        return [self._film, *map(self.get, options.shot_models)]

    def get_digests(self, options: ColorizeOptions) -> dict[str, str]:
        """Return the SHA-256 of the weights of the models of single shots, by model."""
        return {model: self.get(model).digest for model in options.shot_models}

    def check(self, options: ColorizeOptions) -> None:
        """Reject options that the models do not support; see `Colorizer.check_options`."""
        self._film.check_vividness(options.vividness)
        for shot in options.shots if isinstance(options.shots, tuple) else ():
            self.check_shot(shot)
        for model in self.list_used(options) if options.confidence is not None else ():
            if not model.has_confidence:
                raise UsageError(
                    f"model {model.name!r} does not estimate confidence; omit --confidence or use"
                    " --model embedded"
                )

    def check_shot(self, shot: ShotOptions) -> None:
        """Reject options of a shot that its model does not support.

        Raises:
            UsageError: the shot has a vividness, and its model does not support it.
            WeightsError: the weights of its model are missing or damaged.
        """
        try:
            self.get(shot.model).check_vividness(shot.vividness)
        except VidcolorError as error:
            raise type(error)(f"the shot at frame {shot.first}: {error}") from None
