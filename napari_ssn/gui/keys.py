"""Keys of the window, bound on the viewer and on our layers, and taken back on close."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from napari.utils.key_bindings import KeymapProvider, coerce_keybinding


class Keys:
    """Binds actions to keys on everything that takes keys.

    The keys of the selected layer win over the viewer's, so that both need them.

    Args:
        actions: by the name of the key.
    """

    def __init__(self, actions: dict[str, Callable[[], Any]]) -> None:
        self._actions = {coerce_keybinding(key): _Action(key, do) for key, do in actions.items()}
        self._bound: list[tuple[dict[Any, Any], dict[Any, Any]]] = []

    def bind(self, provider: KeymapProvider) -> None:
        """Bind the actions on a viewer or layer; once is enough."""
        keymap = provider.keymap
        if any(keymap is known for known, _ in self._bound):
            return
        self._bound.append((keymap, {key: keymap.get(key) for key in self._actions}))
        keymap.update(self._actions)

    def bind_all(self, providers: Iterable[KeymapProvider]) -> None:
        """Bind the actions on several."""
        for provider in providers:
            self.bind(provider)

    def release(self) -> None:
        """Give every key back to whom it belonged before."""
        for keymap, before in self._bound:
            for key, former in before.items():
                if keymap.get(key) is not self._actions[key]:
                    continue
                if former is None:
                    del keymap[key]
                else:
                    keymap[key] = former
        self._bound.clear()


class _Action:
    """What a key does; napari passes what the key was bound on."""

    def __init__(self, key: str, do: Callable[[], Any]) -> None:
        self._do = do
        # napari compares the names of what keys do with those of its own actions.
        self.__name__ = f"napari_ssn_{key}"

    def __call__(self, provider: Any = None) -> None:
        self._do()
