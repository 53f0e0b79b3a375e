"""A store's look in templates: `{% look_of store as brand %}`, then `brand.css_address`, `brand.logo_address`, …"""

from __future__ import annotations

from django import template

from flashpay.brand import selectors
from flashpay.stores.models import Store

register = template.Library()


@register.simple_tag
def look_of(store: object) -> selectors.Look:
    """The look of `store`; the plain one where a page has none."""
    return selectors.look_of(store) if isinstance(store, Store) else selectors.PLAIN
