"""The command ``clientele``: everything that is done beside ``dbt build``.

Customers are named in the environment, never in a command: what is typed is kept in histories, and what is
started is shown in lists of processes. Rooms are imported by the command that needs them, so that ``--help``
does not wait for pandas.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from clientele import __version__
from clientele.errors import ClienteleError

_STDERR = 2  # as the system numbers it

_HOME = click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="CLIENTELE_HOME",
    default="warehouse",
    show_default="CLIENTELE_HOME, or warehouse",
    help="Folder of the databases.",
)


class _Sentences(click.Group):
    """A group whose commands end with a sentence, not with a stack trace, where there is one to say."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands in the order in which they are written here."""
        return list(self.commands)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ClienteleError as problem:
            raise click.ClickException(str(problem)) from None
        except OSError as problem:
            if problem.errno == errno.EPIPE:  # somebody has read enough, which click knows about
                raise
            # of two, as of a copy, the second is written to, and the one that a full disk is about
            filename = problem.filename2 or problem.filename
            where = f"{filename}: " if filename else ""
            raise click.ClickException(f"{where}{problem.strerror or problem}") from None
        except Exception as problem:
            if not _is_of_a_database_file(problem):
                raise
            said = str(problem).splitlines()[0].rstrip(".!")
            raise click.ClickException(
                f"a database cannot be used: {said}. If a build has it open, wait for it; if it is damaged, "
                "clientele restore puts all parts of a backup back."
            ) from None


def _is_of_a_database_file(problem: Exception) -> bool:
    """Whether DuckDB could not read or write a file, by its errors; most commands never load it."""
    duckdb = sys.modules.get("duckdb")
    return duckdb is not None and isinstance(
        problem, (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)
    )


@click.group(cls=_Sentences)
@click.version_option(__version__)
def main() -> None:
    """Everything that is done beside dbt build, in the folder of the dbt project."""


@main.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Folder to work in; emptied first.",
)
@click.option("--users", default=20_000, show_default=True, help="Customers of the shop's first month.")
@click.option("--months", default=4, show_default=True, help="Months of events.")
def demo(home: Path, users: int, months: int) -> None:
    """Build a synthetic shop and print the personas found."""
    from clientele.demo import run

    sys.exit(run(home, users, months))


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--force", is_flag=True, help="Build although nothing has changed.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[DBT'S ARGUMENTS]...")
def build(force: bool, arguments: tuple[str, ...]) -> None:
    """Build, if anything has changed since the last build.

    It is dbt build, without dbt's unit tests, which prove the SQL and not the data. What is written behind
    goes to dbt. Nothing is to be done when files, settings, project, requests and publication are as the last
    green build left them: then dbt is not started.
    """
    from clientele.runtime import dbt, idle

    environment = dbt.environment()
    asked = None if force else dbt.whole_build(arguments, environment)
    home = Path(environment.get("CLIENTELE_HOME") or "warehouse")
    if asked is not None and idle.reason(home, asked) is None:
        for line in idle.rest(home, "--force"):
            click.echo(line)
        return
    if force:
        environment[idle.FORCE] = "1"
    _refuse_unreadable()
    command = dbt.command("build", *dbt.WITHOUT_UNIT_TESTS, *arguments)
    sys.stdout.flush()
    os.execvpe(command[0], command, environment)


@main.command()
@click.option(
    "--events",
    envvar="CLIENTELE_EVENTS",
    required=True,
    show_default="CLIENTELE_EVENTS",
    help="Paths, folders and patterns.",
)
@click.option("--vars", "settings", default="{}", help="Settings to try, as dbt takes them.")
def check(events: str, settings: str) -> None:
    """Say what a build would make of event files.

    Nothing is changed. Large files are tried by their first lines.
    """
    from clientele.check import run

    sys.exit(run(events, settings))


# --- the rights of customers


def _operation(name: str, description: str, operation: str) -> None:
    """Add a command for an operation of macros/privacy/rights.sql on customers whom the environment names."""

    @main.command(name, help=f"{description} CLIENTELE_SUBJECT or CLIENTELE_SUBJECTS_FILE says who.")
    def _carry_out() -> None:
        _name_subjects()
        _run(operation)


def _name_subjects() -> None:
    """Check who is named; where SQL cannot read the environment, tell the warehouse."""
    from clientele.privacy import redshift_subjects, rights

    rights.named_texts(os.environ)  # a file that cannot be read is told before dbt starts
    if os.environ.get("DBT_TARGET") == "redshift":
        os.environ[redshift_subjects.NAMED_AS] = uuid4().hex  # for the operation that this process starts
        redshift_subjects.name_all(os.environ)


def _run(operation: str, **settings: str) -> None:
    from clientele.runtime import dbt

    # What dbt says is no result: stdout is for the copy that export-subject writes.
    said_to = _STDERR if settings else None
    command = dbt.command("--quiet", "run-operation", operation)
    status = subprocess.run(command, env=dbt.environment(**settings), stdout=said_to, check=False).returncode
    if status:
        sys.exit(status)


@main.command()
@click.option("--unknown", is_flag=True, help="Leave a mark of those of whom nothing is held, too.")
def erase(unknown: bool) -> None:
    """Remove customers for good.

    CLIENTELE_SUBJECT or CLIENTELE_SUBJECTS_FILE says who.
    """
    if unknown:
        os.environ["CLIENTELE_ERASE_UNKNOWN"] = "true"
    _name_subjects()
    _run("erase_subjects")


_operation("readmit", "Let new files bring erased customers back.", "readmit_subjects")
_operation("object", "Stop profiling customers who object.", "object_to_profiling")
_operation("withdraw-objection", "Take such an objection back.", "withdraw_objection")
_operation("restrict", "Keep the data of customers, and use it no more.", "restrict_subjects")
_operation("unrestrict", "Lift such a restriction.", "unrestrict_subjects")


@main.command("export-subject")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    envvar="CLIENTELE_EXPORT_FILE",
    show_default="CLIENTELE_EXPORT_FILE, or stdout",
    help="File to write, readable by you alone.",
)
def export_subject(output: Path | None) -> None:
    """Write all that is held on a customer, as JSON.

    With a file, the same in words goes beside it: copy.html in English and copy.fr.html in French, for
    copy.json. None of the three may be there already.

    CLIENTELE_SUBJECT says who.
    """
    from clientele.privacy import rights
    from clientele.runtime import stopping

    rights.one_subject(os.environ)
    pages = rights.pages_beside(output) if output else {}
    with stopping.unwinding(), rights.reserved([output, *pages.values()] if output else []):
        _name_subjects()
        _write_copy(output, pages)


def _write_copy(output: Path | None, pages: dict[str, Path]) -> None:
    from clientele import scratch
    from clientele.privacy import rights

    with scratch.folder("copy") as folder:
        _run("export_subject", **{rights.FOLDER: str(folder)})
        manifest = Path(os.environ.get("DBT_TARGET_PATH") or "target") / "manifest.json"
        copy = rights.assemble(folder, json.loads(manifest.read_text()))
        reasons = rights.french_reasons(folder)
    text = json.dumps(copy, indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
    else:
        from clientele.report.copy_page import render_copy

        rights.write_privately(output, text + "\n")
        click.echo(f"written to {output}", err=True)
        for language, page in pages.items():
            rights.write_privately(page, render_copy(copy, reasons, datetime.now(UTC).date(), language))
            click.echo(f"for the customer: {page}", err=True)


@main.command()
@click.option(
    "--corrections",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    envvar="CLIENTELE_CORRECTIONS",
    required=True,
    show_default="CLIENTELE_CORRECTIONS",
    help="CSV file with the columns file_name, wrong_line, right_line; an empty right_line drops it.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, resolve_path=True),
    envvar="CLIENTELE_MENDED_FOLDER",
    default="mended",
    show_default="CLIENTELE_MENDED_FOLDER, or mended",
    help="Folder for the mended files.",
)
def rectify(corrections: str, output: str) -> None:
    """Correct lines of a customer in copies of the files.

    CLIENTELE_SUBJECT says who. Put the copies in the place of the files, and build.
    """
    from clientele.privacy import rights

    rights.one_subject(os.environ)
    _name_subjects()
    os.environ |= {rights.CORRECTIONS: corrections, rights.MENDED_FOLDER: output}
    _run("rectify_subject")


@main.command()
@_HOME
def requests(home: Path) -> None:
    """List the requests that were carried out.

    When, of how many customers, by which run; no id.
    """
    from clientele.privacy import register
    from clientele.runtime import rewriting, warehouses

    with rewriting.settled(home):
        for line in register.lines(home):
            click.echo(line)
        warehouses.require_one_moment(home)  # an older vault lacks requests, which nobody may take for none


@main.command()
@_HOME
def fit(home: Path) -> None:
    """Fit the models that the last build asks for.

    For builds that are SQL alone: dbt build --exclude path:python_models before and after. With
    DBT_TARGET=redshift it fits in Redshift.
    """
    from clientele.runtime import fits, rewriting

    manifest = fits.manifest_of(Path(os.environ.get("DBT_TARGET_PATH") or "target"))
    with rewriting.settled(home), fits.opened(home) as warehouse:
        found = fits.fit(manifest, warehouse, Path())
    for fitted in found:
        version = f", model {fitted.model_version}" if fitted.model_version else ""
        click.echo(f"{fitted.name}: {fitted.n_rows:,} new rows{version}")
    if not any(fitted.n_rows for fitted in found):
        click.echo(
            "No fit is due. To ask for one: dbt build --exclude path:python_models --vars 'refit: true'"
        )


@main.command("score-sessions")
@_HOME
def score_sessions(home: Path) -> None:
    """Say which sessions under way will buy.

    It takes in the newest files first.

    In the course of a day, without a build: CLIENTELE_EVENTS and the other variables are those of dbt
    build. The model is that of the last build; the signal lies at published/open_sessions.parquet.
    """
    from clientele.runtime import dbt, signals

    signals.check(home)
    selection = ("+events", "user_sessions", "session_scores", "open_sessions")
    command = dbt.command("--quiet", "run", "--select", *selection)
    settings = dbt.environment(CLIENTELE_HOME=str(home), CLIENTELE_PART_OF="score-sessions")
    ran = subprocess.run(command, env=settings, check=False)
    if ran.returncode:
        raise click.ClickException("Nothing was written: see above. The signal of before stays.")
    path, counts = signals.write(home)
    click.echo(f"{counts['open']:,} sessions under way, {counts['high']:,} carts at high risk: {path}")


@main.command("rotate-key")
def rotate_key() -> None:
    """Give everybody a new pseudonym.

    The key of the warehouse is in CLIENTELE_PSEUDONYM_KEY, the next one in CLIENTELE_PSEUDONYM_KEY_NEW.
    """
    _run("rotate_key")


# --- Redshift


@main.command("redshift-key")
@click.option("--next", "is_next", is_flag=True, help="That of CLIENTELE_PSEUDONYM_KEY_NEW, for rotate-key.")
def redshift_key(is_next: bool) -> None:
    """Put key material where Redshift's SQL finds it.

    It is that of CLIENTELE_PSEUDONYM_KEY. Needs the settings of the target redshift.
    """
    from clientele.privacy import redshift_key as key_table

    click.echo(key_table.fill(is_next))


@main.command("redshift-password")
@click.option("--secret", envvar="REDSHIFT_SECRET", required=True, help="Name or ARN of the secret.")
def redshift_password(secret: str) -> None:
    """Print the password that Redshift wants.

    From AWS Secrets Manager, for DBT_ENV_SECRET_REDSHIFT_PASSWORD.

    The container does so at its start when REDSHIFT_SECRET names a secret.
    """
    from clientele.runtime import secrets_manager

    click.echo(secrets_manager.password(secret))


@main.command("redshift-subjects")
def redshift_subjects() -> None:
    """Tell Redshift who is named in the environment.

    The commands above do so themselves; dbt run-operation needs it first.
    """
    from clientele.privacy import redshift_subjects as named

    click.echo(f"named for the next operation: {named.name_all(os.environ)} customer(s)", err=True)


# --- backups


@main.command()
@_HOME
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CLIENTELE_BACKUPS",
    required=True,
    show_default="CLIENTELE_BACKUPS",
    help="Folder of backups, on another disk.",
)
@click.option("--keep", type=click.IntRange(min=1), help="How many stay there; all, if not said.")
@click.option("--wait", default=0, show_default=True, help="Seconds to wait for a build that is running.")
def backup(home: Path, folder: Path, keep: int | None, wait: int) -> None:
    """Save vault, warehouse and publications of one moment.

    The key is not in it: keep that elsewhere.
    """
    from clientele.runtime import backups

    taken = backups.take(home, folder, keep, wait, partial(click.echo, err=True))
    click.echo(f"saved to {taken.folder}: {taken.described()}")


@main.command("backups")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Compare every file with its checksum.")
def list_backups(folder: Path, verify: bool) -> None:
    """List the whole backups in a folder."""
    from clientele.runtime import backups

    damaged = False
    for one in backups.backups(folder, partial(click.echo, err=True)):
        problem = one.problem() if verify else None
        damaged = damaged or bool(problem)
        click.echo(one.described() + (f": DAMAGED, {problem}" if problem else ", verified" if verify else ""))
    sys.exit(1 if damaged else 0)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="BACKUP")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CLIENTELE_HOME",
    default="warehouse",
    show_default="CLIENTELE_HOME, or warehouse",
    help="Folder of the databases, which are replaced.",
)
@click.option(
    "--register",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A later vault.duckdb, which knows what was asked for since; that of the home if not said.",
)
@click.option("--ignore-register", is_flag=True, help="You carry out the later requests yourself.")
def restore(folder: Path, home: Path, register: Path | None, ignore_register: bool) -> None:
    """Put all parts of a backup back.

    Vault, warehouse and publications, in one step. Who was erased since stays erased, and objections since
    hold: the register of the vault that is replaced tells. Files that came since are read again by the next
    build.
    """
    from clientele.runtime import backups

    done = backups.restore(backups.opened(folder), home, register=register, ignore_register=ignore_register)
    click.echo(f"restored {done.backup.described()}")
    for sentence in done.sentences:
        click.echo(sentence)
    click.echo("Build once: files that came since the backup are read again.")


# --- audiences


@main.group()
def audiences() -> None:
    """Check, count and list the audiences.

    Those of audiences/*.yml; docs/campaigns.md has the grammar.
    """


@audiences.command("list")
@_HOME
def list_audiences(home: Path) -> None:
    """List them, as of the last build: whether each may be used, and why not."""
    from clientele.activation.ledger import Ledger
    from clientele.runtime import locking, warehouses

    with locking.held(home), warehouses.opened(home) as warehouse:
        for one in Ledger(warehouse).audiences().values():
            click.echo(f"{one.name}: {one.status}. {one.label}: {one.purpose}. {one.reason}".rstrip())


@audiences.command("check")
def check_audiences() -> None:
    """Say what is wrong with their files, with the line."""
    _tell_problems("audience")


@audiences.command()
@click.option("--audience", default="", help="Only this one; all when not said.")
def preview(audience: str) -> None:
    """Count them as their files are now, without a build: sizes, revenue bands, overlaps; no ids.

    What fewer than min_cell_users customers share is left out.
    """
    click.echo(_told("preview_audiences", audience=audience), nl=False)


def _tell_problems(kind: str) -> None:
    """Print what is wrong with the files of audiences or experiments; end with status 1 if something is."""
    from clientele.activation.places import line_of

    _refuse_unreadable()
    told = _told(f"tell_{kind}_problems").splitlines()
    problems = [json.loads(line) for line in told if line[:1] == "{"]
    names = problems.pop()[f"{kind}s"]
    for found in problems:
        path = Path(os.environ.get("DBT_PROJECT_DIR", "")) / found["file"]
        line = line_of(path, found[kind], found["place"], kind) if path.exists() else 1
        click.echo(f"{found['file']}:{line}: {found[kind]}, {found['place']}: {found['problem']}")
    if problems:
        sys.exit(1)
    click.echo(f"{len(names)} {kind}(s), nothing wrong: {', '.join(names)}".rstrip(": "))


def _refuse_unreadable() -> None:
    """Print what makes no definition, and of which dbt would not tell the line; then end with status 1."""
    from clientele.activation.places import unreadable
    from clientele.contents import exposure_files

    project = Path(os.environ.get("DBT_PROJECT_DIR") or ".")
    faults = [
        f"{path.relative_to(project)}:{line}: {problem}"
        for path in exposure_files(project)
        for line, problem in unreadable(path)
    ]
    if faults:
        click.echo("\n".join(faults))
        sys.exit(1)


def _told(operation: str, **arguments: str) -> str:
    """Return what an operation prints; its errors are dbt's to say."""
    from clientele.runtime import dbt

    command = dbt.command("--quiet", "run-operation", operation, "--args", json.dumps(arguments))
    ran = subprocess.run(command, env=dbt.environment(), stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        click.echo(ran.stdout, nl=False)
        sys.exit(ran.returncode)
    return ran.stdout


@main.command()
@_HOME
@click.option("--audience", help="Only this one; all when not said.")
@click.option("--destination", help="Only there; everywhere when not said.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and change nothing.")
@click.option("--allow-leaving", is_flag=True, help="Go on though more would leave than is usual.")
def activate(
    home: Path, audience: str | None, destination: str | None, dry_run: bool, allow_leaving: bool
) -> None:
    """Tell destinations who came to audiences and who left.

    Since the last export that each has acknowledged. What failed is sent again by the next run.
    """
    _activate(home, audience, destination, dry_run, allow_leaving)


def _activate(
    home: Path, audience: str | None, destination: str | None, dry_run: bool, allow_leaving: bool
) -> None:
    from clientele.activation import destinations, exports, ledger
    from clientele.runtime import fits, locking, publishing, rewriting, warehouses

    manifest = fits.manifest_of(Path(os.environ.get("DBT_TARGET_PATH") or "target"))
    places = destinations.configured(manifest, home, os.environ)
    all_well = True
    with locking.held(home):
        with warehouses.opened(home) as warehouse:
            register = ledger.Ledger(warehouse)
            with rewriting.forgetting(home, register.n_gone):
                for outcome in exports.activate(
                    register,
                    places,
                    audience=audience,
                    destination=destination,
                    dry_run=dry_run,
                    allow_leaving=allow_leaving,
                ):
                    click.echo(outcome.described())
                    all_well &= outcome.is_well
            publishing.show_exports(home)
        rewriting.finish(home)
    if not all_well:
        sys.exit(1)


@main.group()
def experiments() -> None:
    """Check and list the experiments.

    Those of experiments/*.yml; docs/campaigns.md has the grammar.
    """


@experiments.command("check")
def check_experiments() -> None:
    """Say what is wrong with their files, with the line."""
    _tell_problems("experiment")


@experiments.command("list")
@_HOME
def list_experiments(home: Path) -> None:
    """List them, as of the last build: where each stands, what it can see, and what it has brought."""
    from clientele.experiments import lines
    from clientele.runtime import locking, warehouses

    with locking.held(home), warehouses.opened(home) as warehouse:
        for line in lines.told(warehouse):
            click.echo(line)


@main.command()
@_HOME
@click.argument("name")
@click.option("--label", required=True, help="What it asks: 'Does a letter bring buyers back?'")
@click.option("--label-fr", help="The same in French; the English one if not said.")
@click.option("--purpose", required=True, help="What the customers get, and what their data is used for.")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--persona", "personas", type=int, multiple=True, help="Of these personas; may be repeated.")
@click.option("--tier-from", type=int, help="Of this value tier, or a higher one.")
@click.option("--chance-from", type=float, help="With this chance of an order in 30 days, or a higher one.")
@click.option("--state", "states", multiple=True, help="Of these lifecycle states; may be repeated.")
@click.option("--audience", help="Who are in this audience, too.")
@click.option(
    "--consent", help="What they have to consent to, as newsletter; as --audience does if not said."
)
@click.option("--holdout", type=float, default=0.5, show_default=True, help="Part that is held back.")
@click.option("--horizon", type=int, default=28, show_default=True, help="Days that are measured.")
@click.option("--measure", default="orders", show_default=True, help="revenue, orders, buyers or visits.")
@click.option("--smallest-effect", type=float, default=0.1, show_default=True, help="0.1 is 10 %.")
@click.option("--though-too-small", is_flag=True, help="Draw though it could not see that effect.")
def campaign(
    home: Path,
    name: str,
    label: str,
    label_fr: str | None,
    purpose: str,
    owner: str,
    horizon: int,
    though_too_small: bool,
    **given: Any,
) -> None:
    """Draw a campaign's list, and who is held back.

    Writes experiments/NAME.yml, draws the arms as of the last build, and exports the audience NAME_treated to
    the folder. Who objects, is restricted or was erased is in no list.
    """
    from clientele.activation.ledger import Ledger
    from clientele.experiments import campaign as campaigns
    from clientele.experiments import lines
    from clientele.runtime import locking, warehouses

    with locking.held(home), warehouses.opened(home) as warehouse:
        if not Ledger(warehouse).is_settled():  # what is drawn now would pass for the end of that build
            raise click.ClickException("the last build did not end well: build again")
        ((as_of,),) = warehouse.rows("select cast(as_of_at as date) from core.as_of")
    planned = campaigns.Campaign(
        name=name,
        label=label,
        label_fr=label_fr or label,
        purpose=purpose,
        owner=owner,
        starts=as_of,
        horizon_days=horizon,
        when_too_small="warn" if though_too_small else "refuse",
        **given,
    )
    path = campaigns.write(planned, Path(os.environ.get("DBT_PROJECT_DIR") or "."))
    try:
        _draw(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with locking.held(home), warehouses.opened(home) as warehouse:
        said = [line for line in lines.told(warehouse) if line.startswith(f"{name}:")]
    click.echo("\n".join([f"written to {path}", *said]))
    if f"{name}: running" not in said[0]:
        click.echo(f"Nothing is drawn. Change {path} and build, or remove it.")
        sys.exit(1)
    _activate(home, f"{name}_{campaigns.TREATED}", "folder", False, False)


def _draw(path: Path) -> None:
    """Build what a new file of experiments needs, on the customers of the last build."""
    from clientele.runtime import dbt

    selected = ("--select", "audience_facts+", "experiment_designs+", *dbt.WITHOUT_UNIT_TESTS)
    settings = dbt.environment(CLIENTELE_PART_OF="campaign")
    ran = subprocess.run(dbt.command("--quiet", "build", *selected), env=settings, check=False)
    if ran.returncode:
        raise click.ClickException(f"{path} was taken away again: nothing is drawn")


@main.command("export-audience")
@_HOME
@click.argument("audience")
@click.option("--purpose", required=True, help="What the ids are for; it is kept with the record.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="File, readable by you alone.")
def export_audience(home: Path, audience: str, purpose: str, output: Path) -> None:
    """Write the shop's own ids of an audience's members.

    They leave the vault with this file, which must not be there already: delete it after its use.
    """
    from clientele.activation import exports, ledger
    from clientele.privacy import rights
    from clientele.runtime import locking, stopping, warehouses

    with stopping.unwinding(), rights.reserved([output]):
        with locking.held(home), warehouses.opened(home) as warehouse:
            found = exports.user_ids(ledger.Ledger(warehouse), audience, purpose)
        rights.write_privately(output, exports.as_csv(found))
    click.echo(f"{len(found):,} ids written to {output}, readable by you alone. Delete it after its use.")


# --- the look-up service


_SERVICE_KEYS = click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CLIENTELE_SERVICE_KEYS",
    default="service-keys.json",
    show_default="CLIENTELE_SERVICE_KEYS, or service-keys.json",
    help="File of hashed keys.",
)


@main.command()
@_HOME
@_SERVICE_KEYS
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port to listen at."
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option(
    "--scorers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Customers that a process scores at a time.",
)
@click.option(
    "--log-level",
    type=click.Choice(["warning", "info"]),
    default="warning",
    show_default=True,
    help="info: a line a request, without what it asks for.",
)
def serve(
    home: Path, keys_path: Path, host: str, port: int, workers: int, scorers: int, log_level: str
) -> None:
    """Answer look-ups and scores over HTTP.

    docs/serving.md says what it answers. TLS is for what stands before it.
    """
    try:
        from clientele.serving.run import serve as answer
    except ModuleNotFoundError as missing:
        if missing.name not in ("fastapi", "uvicorn", "starlette", "pydantic"):
            raise
        raise click.ClickException(
            "The service needs the extra serve: pip install 'clientele[serve]'"
        ) from None
    answer(home, keys_path, host=host, port=port, workers=workers, scorers=scorers, log_level=log_level)


@main.command("service-key")
@click.argument("name")
@_SERVICE_KEYS
@click.option(
    "--scope", "scopes", multiple=True, help="look-up or score; look-up if not said. May be repeated."
)
@click.option("--days", default=90.0, show_default=True, help="How long the key lasts.")
@click.option("--rate", default=200.0, show_default=True, help="Requests a second, from each process.")
@click.option("--revoke", is_flag=True, help="Take the keys of this name away.")
def service_key(
    name: str, keys_path: Path, scopes: tuple[str, ...], days: float, rate: float, revoke: bool
) -> None:
    """Make a key for a caller of the service.

    It is shown once; the file has its hash. A running service sees a change of the file within a second.
    """
    from clientele.serving import keys

    if revoke:
        click.echo(f"{keys.revoke(keys_path, name)} key(s) taken away", err=True)
        return
    key = keys.add(keys_path, name, list(scopes) or ["look-up"], days=days, requests_per_second=rate)
    click.echo(f"noted in {keys_path}; this is the only time that the key is shown:", err=True)
    click.echo(key)


@main.command("look-up-store")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def look_up_store(folder: Path) -> None:
    """Make the look-up store of marts in a folder.

    A build on DuckDB publishes it by itself. On Redshift: of a copy of the folder that was unloaded.
    """
    from clientele.runtime import lookup, publishing

    if publishing.is_publication(folder):
        raise click.ClickException(f"{folder} is published by a build, which has made its store")
    click.echo(f"written to {lookup.write(folder)}")


# --- publications and evaluation


@main.command()
@_HOME
def publications(home: Path) -> None:
    """List the kept publications; * marks the published one."""
    from clientele.runtime import publishing

    for publication in publishing.publications(home):
        click.echo(f"{'*' if publication.is_current else ' '} {publication.described()}")


@main.command()
@_HOME
@click.option("--to", type=int, metavar="NUMBER", help="Which one, as listed; the one before if not said.")
@click.pass_context
def rollback(context: click.Context, home: Path, to: int | None) -> None:
    """Publish an earlier publication again."""
    from clientele.runtime import publishing, rewriting, warehouses

    with rewriting.settled(home):
        warehouses.check(home)
        chosen = publishing.rollback(home, to)
    click.echo(f"published again: {chosen.described()}")
    click.echo("The databases stay as they are, and the next green build publishes anew.")
    context.invoke(publications, home=home)


@main.command()
@_HOME
def report(home: Path) -> None:
    """Write the pages for people once more."""
    from clientele.report import LANGUAGES, charts, render
    from clientele.runtime import publishing, rewriting

    with rewriting.settled(home):
        folder = publishing.current(home)
        pages = {f"report/{file}": render(folder, language) for language, file in LANGUAGES.items()}
        link = publishing.put_pages(home, pages)
    for page in pages:
        click.echo(f"written to {link / page}")
    if not charts.is_available():
        click.echo("Tables only: charts need the extra clientele[report].")


@main.command()
@_HOME
def describe(home: Path) -> None:
    """Describe the data, in tables and as a page."""
    from clientele.report import PAGES, description, render
    from clientele.runtime import publishing, rewriting

    with rewriting.settled(home):
        description.show(home)
        folder = publishing.current(home)
        pages = {
            f"report/{file}": render(folder, language, "data") for language, file in PAGES["data"][1].items()
        }
        link = publishing.put_pages(home, pages)
    for page in pages:
        click.echo(f"written to {link / page}")


@main.command()
@_HOME
def dossier(home: Path) -> None:
    """Write ten pages for a general management.

    HTML, and PDF where a Chromium is installed.
    """
    from clientele.report import PAGES, printing, render
    from clientele.runtime import publishing, rewriting

    pages: dict[str, str | bytes] = {}
    with rewriting.settled(home):
        folder = publishing.current(home)
        for language, file in PAGES["dossier"][1].items():
            page = render(folder, language, "dossier")
            pages[f"report/{file}"] = page
            if (printed := printing.to_pdf(page)) is not None:
                pages[f"report/{Path(file).with_suffix('.pdf')}"] = printed
        link = publishing.put_pages(home, pages)
    for name in pages:
        click.echo(f"written to {link / name}")
    if not any(name.endswith(".pdf") for name in pages):
        click.echo("No PDF: that needs a Chromium. Print the page from a browser; it has styles for A4.")


@main.command("forecast-file")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--day", default="day", show_default=True, help="Column with the day.")
@click.option("--value", default="value", show_default=True, help="Column with what was sold.")
@click.option("--series", default=None, help="Column that names a series, as a store.")
@click.option("--known", multiple=True, help="Column of 0 and 1 that is known ahead, as a promotion.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="CSV to write.")
def forecast_file(
    path: Path, day: str, value: str, series: str | None, known: tuple[str, ...], output: Path
) -> None:
    """Forecast the daily sales of a file.

    CSV or Parquet; its days without a value are forecast.
    """
    from clientele.activation.exports import is_formula
    from clientele.forecast.files import daily_table, forecast_days, read_daily_sales

    found = forecast_days(daily_table(read_daily_sales(path), day, value, series, known), known)
    runs = found["series"].map(is_formula)
    if runs.any():
        n_named = found.loc[runs, "series"].nunique()
        found["series"] = ("'" + found["series"].astype(str)).where(runs, found["series"])
        click.echo(f"{n_named} series that a spreadsheet would run have a ' before their name.", err=True)
    # quoted, so that no part of a name is a cell of its own where a semicolon divides cells
    found.to_csv(output, index=False, quoting=csv.QUOTE_NONNUMERIC)
    n_series, n_refused = found["series"].nunique(), int((found["forecast_source"] == "refused").sum())
    click.echo(f"{n_series} series, {n_refused} of them refused, written to {output}")


@main.command()
@_HOME
@click.option("--users", default=10_000, show_default=True, help="Users who are clustered, at most.")
@click.option(
    "--layers", default="none", help="Judge networks, too; units of the autoencoder's layers: '16 8'."
)
def evaluate(home: Path, users: int, layers: str) -> None:
    """Judge the personas, and compare other ways to cluster."""
    from clientele.personas.evaluate import evaluate as judge
    from clientele.personas.rows import layers_of
    from clientele.runtime import rewriting

    with rewriting.settled(home):
        page, table = judge(home, users, layers_of(layers))
    click.echo(page.read_text())
    click.echo(f"Written to {page} and {table}")
