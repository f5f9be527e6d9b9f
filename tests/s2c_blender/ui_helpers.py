# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that records what is drawn on it, and a way to draw a panel without a window."""

import bpy


class Drawn:
    """What was drawn.

    `operators` [(idname, properties set)], `properties` [name], `labels` of buttons, `titles`, `texts` [str], `menus`,
    `panels` {idname: folded at first}. With `folded`, what is folded stays hidden.
    """

    def __init__(self, folded=False):
        self.operators, self.properties, self.texts, self.progress = [], [], [], []
        self.enabled = []
        self.labels, self.menus, self.titles, self.panels, self.folded = [], [], [], {}, folded

    def names(self):
        return [name for name, _ in self.operators]

    def text(self):
        return " ".join(self.texts)


class Button:
    """Takes the properties that a panel sets on a button; checks that the operator has them."""

    def __init__(self, kind):
        object.__setattr__(self, "kind", kind)

    def __setattr__(self, name, value):
        if name not in self.kind.properties:
            raise AttributeError(f"{self.kind.identifier} has no {name}")
        object.__setattr__(self, name, value)


class RecordingLayout:
    """Stands for `bpy.types.UILayout`; checks that operators and properties exist."""

    def __init__(self, drawn):
        object.__setattr__(self, "drawn", drawn)

    def __setattr__(self, name, value):
        if name not in bpy.types.UILayout.bl_rna.properties:
            raise AttributeError(f"a layout has no {name}")
        if name == "enabled":
            self.drawn.enabled.append(value)

    def row(self, **_options):
        return RecordingLayout(self.drawn)

    column = box = split = row

    def panel(self, idname, default_closed=False):
        self.drawn.panels[idname] = default_closed
        body = None if self.drawn.folded and default_closed else RecordingLayout(self.drawn)
        return Header(self.drawn), body

    def separator(self):
        pass

    def menu(self, idname, **_options):
        assert getattr(bpy.types, idname).bl_label
        self.drawn.menus.append(idname)

    def template_list(self, list_class, _list_id, data, name, active_data, active_name, rows=5):
        drawer = getattr(bpy.types, list_class)
        assert active_name in active_data.bl_rna.properties and rows >= 1
        for item in getattr(data, name):
            drawer.draw_item(
                None, bpy.context, RecordingLayout(self.drawn), data, item, 0, active_data, active_name
            )

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

    def operator(self, idname, text="", icon="NONE", emboss=True):
        group, name = idname.split(".")
        kind = getattr(getattr(bpy.ops, group), name).get_rna_type()
        button = Button(kind)
        self.drawn.operators.append((idname, button))
        self.drawn.labels.append(text or kind.name)
        return button

    def progress(self, factor=0.0, text="", type="BAR"):
        self.drawn.progress.append((factor, text))


class Header(RecordingLayout):
    """The line with the triangle; what it says is in `titles`, too."""

    def label(self, text="", icon="NONE"):
        super().label(text, icon)
        self.drawn.titles.append(text)


def draw(panel, folded=False, context=None):
    """What `panel` (a class with `draw`) draws now; `folded`: as at the first look; context: another `Region`."""
    drawn = Drawn(folded)

    class Stand:
        layout = RecordingLayout(drawn)

    panel.draw(Stand(), context or bpy.context)
    return drawn


class Region:
    """A context whose region has another width and whose interface another scale."""

    def __init__(self, width, scale=1.0):
        class Space:
            pass

        self.region, self.preferences = Space(), Space()
        self.region.width, self.preferences.system = width, Space()
        self.preferences.system.ui_scale = scale
        self.preferences.ui_styles = bpy.context.preferences.ui_styles

    def __getattr__(self, name):
        return getattr(bpy.context, name)
