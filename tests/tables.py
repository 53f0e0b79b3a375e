"""Emptying the database after a test that commits.

Django's own way empties every table there is, which PostgreSQL does by giving each new files, and then lets `migrate`'s
end write its records again. Here what has rows loses them, and what `migrate` wrote stays: no test changes that.
"""

from __future__ import annotations

from functools import cache

_OF_MIGRATE = {"django_migrations", "django_content_type", "auth_permission"}


@cache
def _tables() -> list[str]:
    from django.db import connection

    return sorted(
        set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - _OF_MIGRATE
    )


def tables_empty(_case: object) -> None:
    """Stands in for `TransactionTestCase._fixture_teardown`.

    The last statement of a program that was just killed may still arrive in between; then once more.
    """
    from django.db import DatabaseError

    for tries_left in range(2, -1, -1):
        try:
            _rows_delete()
        except DatabaseError:
            if not tries_left:
                raise
        else:
            return


def _rows_delete() -> None:
    from django.db import connection, transaction

    quoted = {name: connection.ops.quote_name(name) for name in _tables()}
    filled = " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {table})" for name, table in quoted.items()
    )
    # Rows may go in any order: foreign keys are looked at when the transaction ends.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(filled)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quoted[name]}")
