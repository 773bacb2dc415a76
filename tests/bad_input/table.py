"""The table of what bad input gets, by what is bad about it."""

from bad_input import addresses, bodies, callees, connections, credentials, fields, foreign, json_text
from bad_input.rows import Row

BY_SUBJECT: dict[str, list[Row]] = {
    "JSON": json_text.ROWS,
    "values": fields.ROWS,
    "webhooks": callees.ROWS,
    "keys": credentials.ROWS,
    "addresses": addresses.ROWS,
    "other tenants": foreign.ROWS,
    "bodies": bodies.ROWS,
    "connections": connections.ROWS,
}

TABLE: dict[str, Row] = {row.name: row for rows in BY_SUBJECT.values() for row in rows}
