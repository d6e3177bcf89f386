"""Run SQL on Redshift and print what comes back as CSV, with the connection that the profile uses.

Usage: python deploy/redshift/run.py "select version()"
       python deploy/redshift/run.py --file deploy/redshift/lake.sql --set location=s3://BUCKET/events/

``:name`` in the SQL becomes the value of ``--set name=value`` as a literal, ``:"name"`` as an identifier, as
in psql; ``database`` is REDSHIFT_DATABASE unless set. ``env:VARIABLE`` takes a value from the environment, so
that a secret stays out of the shell's history. Connects with REDSHIFT_HOST, REDSHIFT_PORT, REDSHIFT_DATABASE,
REDSHIFT_USER and DBT_ENV_SECRET_REDSHIFT_PASSWORD; each statement is a transaction of its own.
"""

import argparse
import csv
import os
import re
import sys
from pathlib import Path

import redshift_connector
import sqlparse

_PLACE = re.compile(r"""(?<![:\w]):"?([a-z_]\w*)"?""")


def literal(name: str, value: str) -> str:
    """Return a value as a SQL literal; raise ValueError for one that could end it."""
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        if not os.environ.get(variable):
            raise ValueError(f"--set {name}: the variable {variable} is not set")
        value = os.environ[variable]
    if "\\" in value or "\0" in value:
        raise ValueError(f"--set {name}: a backslash would be an escape in Redshift; use another value")
    return "'" + value.replace("'", "''") + "'"


def filled_in(sql: str, settings: list[str]) -> str:
    """Replace ``:name`` by its value, outside casts (``::``); ValueError for what is missing or unknown."""
    values = dict(setting.split("=", 1) for setting in settings)
    sql = sqlparse.format(sql, strip_comments=True)
    wanted = set(_PLACE.findall(sql))
    if "database" in wanted:
        values.setdefault("database", os.environ.get("REDSHIFT_DATABASE", ""))
    if wanted != values.keys():
        odd = sorted(wanted ^ values.keys())
        raise ValueError(
            f"--set: the SQL needs {sorted(wanted) or 'nothing'}; wrong or missing: {', '.join(odd)}"
        )

    def value(match: re.Match[str]) -> str:
        text = literal(match[1], values[match[1]])
        return text if match[0][1] != '"' else '"' + text[1:-1].replace("''", "'").replace('"', '""') + '"'

    return _PLACE.sub(value, sql)


def main(arguments: list[str] | None = None) -> int:
    """Run the statements; return 0, 1 when the warehouse refuses one, 2 when something is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sql", nargs="?", help="one or several statements")
    parser.add_argument("--file", type=Path, help="a file of statements instead")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    options = parser.parse_args(arguments)
    if (options.sql is None) == (options.file is None):
        parser.error("give either SQL or --file")
    missing = [
        name
        for name in (
            "REDSHIFT_HOST",
            "REDSHIFT_DATABASE",
            "REDSHIFT_USER",
            "DBT_ENV_SECRET_REDSHIFT_PASSWORD",
        )
        if not os.environ.get(name)
    ]
    if missing:
        print(f"not set: {', '.join(missing)} (docs/redshift.md)", file=sys.stderr)
        return 2
    try:
        text = options.sql if options.file is None else options.file.read_text(encoding="utf-8")
        statements = [sql.rstrip("; \n") for sql in sqlparse.split(filled_in(text, options.settings))]
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    encryption = os.environ.get("REDSHIFT_SSLMODE", "require")
    with redshift_connector.connect(
        host=os.environ["REDSHIFT_HOST"],
        port=int(os.environ.get("REDSHIFT_PORT", "5439")),
        database=os.environ["REDSHIFT_DATABASE"],
        user=os.environ["REDSHIFT_USER"],
        password=os.environ["DBT_ENV_SECRET_REDSHIFT_PASSWORD"],
        ssl=encryption != "disable",
        sslmode="verify-full" if encryption == "verify-full" else "verify-ca",
    ) as connection:
        connection.autocommit = True
        for statement in filter(None, statements):
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                except redshift_connector.Error as error:
                    begins = " ".join(statement.split())[:60]
                    reason = error.args[0].get("M", error) if isinstance(error.args[0], dict) else error
                    print(f"refused: {begins} …\n{reason}", file=sys.stderr)
                    return 1
                if cursor.description:
                    csv.writer(sys.stdout, lineterminator="\n").writerows(cursor.fetchall())
    return 0


if __name__ == "__main__":
    sys.exit(main())
