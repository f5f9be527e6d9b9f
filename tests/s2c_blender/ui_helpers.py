# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that records what is drawn on it, and a way to draw a panel without a window."""

import bpy


class Drawn:
    """What a panel drew: `operators` [(idname, properties set)], `properties` [name], `texts` [str]."""

    def __init__(self):
        self.operators, self.properties, self.texts, self.progress = [], [], [], []

    def names(self):
        return [name for name, _ in self.operators]

    def text(self):
        return " ".join(self.texts)


class Button:
    """Takes the properties that a panel sets on a button."""


class RecordingLayout:
    """Stands for `bpy.types.UILayout`; checks that operators and properties exist."""

    def __init__(self, drawn):
        object.__setattr__(self, "drawn", drawn)

    def __setattr__(self, name, value):
        if name not in bpy.types.UILayout.bl_rna.properties:
            raise AttributeError(f"a layout has no {name}")

    def row(self, **_options):
        return RecordingLayout(self.drawn)

    column = box = split = row

    def panel(self, _idname, default_closed=False):
        return RecordingLayout(self.drawn), RecordingLayout(self.drawn)

    def label(self, text="", icon="NONE"):
        self.drawn.texts.append(text)

    def prop(self, data, name, **_options):
        if name not in data.bl_rna.properties:
            raise AttributeError(f"{data} has no {name}")
        self.drawn.properties.append(name)

    def prop_search(self, data, name, search, collection, **_options):
        if collection not in search.bl_rna.properties:
            raise AttributeError(f"{search} has no {collection}")
        self.prop(data, name)

    def operator(self, idname, text="", icon="NONE"):
        group, name = idname.split(".")
        getattr(getattr(bpy.ops, group), name).get_rna_type()
        button = Button()
        self.drawn.operators.append((idname, button))
        return button

    def progress(self, factor=0.0, text="", type="BAR"):
        self.drawn.progress.append((factor, text))


def draw(panel):
    """What `panel` (a class) draws now."""
    drawn = Drawn()

    class Stand:
        layout = RecordingLayout(drawn)

    for name in dir(panel):
        if name.startswith("draw_"):
            setattr(Stand, name, getattr(panel, name))
    panel.draw(Stand(), bpy.context)
    return drawn
