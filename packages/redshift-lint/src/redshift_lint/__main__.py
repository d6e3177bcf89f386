"""Hold SQL files against the documentation of Amazon Redshift.

Usage: python -m redshift_lint [--refused] PATH ...     files, or folders with .sql files
       python -m redshift_lint --rules                  the rules with their sources
       … | python -m redshift_lint -                    what comes in
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from redshift_lint import REFUSED, RULES, check


def main(arguments: list[str] | None = None) -> int:
    """Print findings as ``path:line: code message``; return 1 for any, 2 for an unreadable path."""
    parser = argparse.ArgumentParser(prog="redshift-lint", description=__doc__.splitlines()[0])
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="SQL files as compiled, or folders of them; - for stdin"
    )
    parser.add_argument("--refused", action="store_true", help="only what Redshift refuses, not what differs")
    parser.add_argument("--rules", action="store_true", help="print the rules with their sources and stop")
    options = parser.parse_args(arguments)
    if options.rules:
        for rule in RULES:
            print(f"{rule.code}  {rule.verdict:7}  {rule.says}\n                {rule.citation}")
        return 0
    if not options.paths:
        parser.error("which files? For example: target/compiled target/run")
    n_files = n_findings = 0
    try:
        for name, sql in _texts(options.paths):
            n_files += 1
            for finding in check(sql):
                if finding.verdict == REFUSED or not options.refused:
                    n_findings += 1
                    print(f"{name}:{finding.line}: {finding.code} ({finding.verdict}) {finding.message}")
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if not n_files:
        print("no .sql file there: has dbt compiled the project?", file=sys.stderr)
        return 2
    print(f"{n_files} files, {n_findings} findings", file=sys.stderr)
    return 1 if n_findings else 0


def _texts(paths: list[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path == "-":
            yield "-", sys.stdin.read()
        elif Path(path).is_dir():
            for file in sorted(Path(path).rglob("*.sql")):
                if file.is_file():
                    yield str(file), _read(file)
        else:
            yield path, _read(Path(path))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise OSError(0, f"not UTF-8 ({error.reason})", str(file)) from None


if __name__ == "__main__":
    sys.exit(main())
