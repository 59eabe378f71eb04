"""A plan in the language of FTS5."""

from __future__ import annotations

from consumers.search.fts5.schema import EVERY
from consumers.search.plan import AllOf, AnyOf, Node, Plan, Terms


def expression(plan: Plan) -> str:
    """Return what the full text is asked for; the bounds of time aside."""
    parts = [f'"{EVERY}{mark}"' for mark in plan.marks]
    if plan.words is not None:
        parts.append(node_expression(plan.words))
    return " AND ".join(parts) if parts else f'"{EVERY}"'


def node_expression(node: Node) -> str:
    if isinstance(node, Terms):
        return terms_expression(node)
    if isinstance(node, AllOf | AnyOf):
        parts = [node_expression(part) for part in node.parts]
        return f"({(' AND ' if isinstance(node, AllOf) else ' OR ').join(parts)})"
    part = node_expression(node.part) if node.part is not None else f'"{EVERY}"'
    return f"({part} NOT {node_expression(node.but)})"


def terms_expression(terms: Terms, fields: tuple[str, ...] = ()) -> str:
    """Return what `terms` asks for, in its own fields, or in those that are given."""
    text = f'"{" ".join(terms.tokens)}"{" *" if terms.prefix else ""}'
    wanted = fields or terms.fields
    return f"({{{' '.join(wanted)}}} : {text})" if wanted else text
