"""What napari and vispy find anew for every window and picture, found once in a process.

Each is a function of what it is given alone; a tenth of what the tests of the window took.
"""

from __future__ import annotations

import typing
from copy import deepcopy
from functools import cache, partial
from types import FunctionType
from typing import Any

import pytest


def remember(patch: pytest.MonkeyPatch) -> None:
    """Have states, manifests, glyphs, shaders' variables and indents, and signatures found once."""
    _states(patch)
    _manifests(patch)
    _glyphs(patch)
    _variables(patch)
    _indents(patch)
    _transforms(patch)
    remember_signatures(patch)
    _disconnecting(patch)
    _protocols(patch)


def _states(patch: pytest.MonkeyPatch) -> None:
    """The look of buttons, found anew for each layer though nothing about it changed."""
    from napari._qt.widgets.qt_viewer_buttons import LayerCreationState, QtViewerPushButton

    change = QtViewerPushButton._change_selection_state

    def changed(self: Any, state: Any) -> None:
        if self.property("creation_state") != LayerCreationState(state).value:
            change(self, state)

    patch.setattr(QtViewerPushButton, "_change_selection_state", changed)


def _manifests(patch: pytest.MonkeyPatch) -> None:
    """Manifests of plugins, which every new viewer reads again."""
    from npe2.manifest import _bases as npe2

    parse = cache(npe2._load_yaml_no_duplicates)
    patch.setattr(npe2, "_load_yaml_no_duplicates", lambda stream: deepcopy(parse(stream.read())))


def _glyphs(patch: pytest.MonkeyPatch) -> None:
    """Distances from the edge of a letter, which every new canvas finds for itself."""
    from vispy.visuals.text.text import SDFRendererCPU

    class Page:
        def __setitem__(self, _: Any, bitmap: Any) -> None:
            self.bitmap = bitmap

    render, known = SDFRendererCPU.render_to_texture, {}

    def remembered(self: Any, data: Any, texture: Any, offset: Any, size: Any) -> None:
        key = data.tobytes(), data.shape, data.dtype, tuple(size)
        if key not in known:
            page = Page()
            render(self, data, page, offset, size)
            known[key] = page.bitmap
        (x, y), (width, height) = offset, size
        texture[y : y + height, x : x + width, :] = known[key]

    patch.setattr(SDFRendererCPU, "render_to_texture", remembered)


def _variables(patch: pytest.MonkeyPatch) -> None:
    """What the shaders of a program declare, which every new visual searches them for."""
    from vispy.gloo.program import Program

    parse, known = Program._parse_variables_from_code, {}

    def remembered(self: Any, update_variables: bool = True) -> None:
        key = tuple(shader.code for shader in self._shaders)
        if key not in known:
            parse(self, False)
            known[key] = dict(self._code_variables)
        self._code_variables = dict(known[key])
        if update_variables:
            self._process_pending_variables()

    patch.setattr(Program, "_parse_variables_from_code", remembered)


def _indents(patch: pytest.MonkeyPatch) -> None:
    """Code of shaders without its indentation, which every function of one is stripped of anew."""
    from vispy.visuals.shaders import Function

    clean, known = Function._clean_code, {}

    def remembered(self: Any, code: str) -> str:
        if code not in known:
            known[code] = clean(self, code)
        return known[code]

    patch.setattr(Function, "_clean_code", remembered)


def _transforms(patch: pytest.MonkeyPatch) -> None:
    """Shaders of transforms, of which each part of a picture has a dozen, before one is drawn."""
    from vispy.visuals.transforms import ChainTransform, STTransform

    for kind, build in ((ChainTransform, "_rebuild_shaders"), (STTransform, "_update_shaders")):
        _when_asked(patch, kind, build)


def _when_asked(patch: pytest.MonkeyPatch, kind: Any, build: str) -> None:
    """Let a transform build its shaders when somebody asks for them, and then as often as ever."""
    real = getattr(kind, build)

    def later(self: Any) -> None:
        if "asked" in vars(self):
            real(self)

    def asking(find: Any) -> Any:
        def asked(self: Any) -> Any:
            if "asked" not in vars(self):
                self.asked = True
                real(self)
            return find(self)

        return asked

    patch.setattr(kind, build, later)
    for name in ("shader_map", "shader_imap"):
        patch.setattr(kind, name, asking(getattr(kind, name)))


def remember_signatures(patch: pytest.MonkeyPatch) -> None:
    """Whether a function takes an event, which every connection asks it."""
    from napari.utils.events.event import EventEmitter

    check = EventEmitter._check_signature
    known: dict[object, bool] = {}

    def key_of(function: Any) -> object:
        """What its signature follows from; None for what may stand in for something else."""
        if isinstance(function, EventEmitter):
            # One that calls another.
            return type(function)
        if type(function) is partial and not function.keywords and not vars(function):
            inner = key_of(function.func)
            return None if inner is None else (inner, len(function.args))
        plain = getattr(function, "__func__", function)
        if type(plain) is FunctionType and not vars(plain):
            return plain.__code__, plain is function, len(plain.__defaults__ or ())
        return None

    def remembered(function: Any) -> bool:
        key = key_of(function)
        if key is None:
            return check(function)
        if key not in known:
            known[key] = check(function)
        return known[key]

    patch.setattr(EventEmitter, "_check_signature", staticmethod(remembered))


def _disconnecting(patch: pytest.MonkeyPatch) -> None:
    """Whom an event tells of nothing: each layer that goes asks a hundred events for each of its
    controls and pictures, and nearly none of them has anything to let go of.
    """
    from napari.utils.events.event import EventEmitter

    disconnect = EventEmitter.disconnect

    def quickly(self: Any, callback: Any = None) -> None:
        if self._callbacks:
            disconnect(self, callback)

    patch.setattr(EventEmitter, "disconnect", quickly)


def _protocols(patch: pytest.MonkeyPatch) -> None:
    """Names of a protocol, which each question whether something fulfils it gathers twice."""
    if (find := getattr(typing, "_get_protocol_attrs", None)) is not None:
        patch.setattr(typing, "_get_protocol_attrs", cache(find))
