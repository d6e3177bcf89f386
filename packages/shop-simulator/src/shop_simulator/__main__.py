"""Command line of the synthetic shop: python -m shop_simulator --help."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

from shop_simulator.describe import comparison
from shop_simulator.shop import Shop, events_per_customer, generate
from shop_simulator.writing import FORMATS

_DESCRIPTION = """\
Write the event files of a synthetic shop, one per month, in the format of the public REES46 files.

OUT/events/2019-Oct.csv ...  events
OUT/truth.csv                user_id, behaviour, first_seen_month, churned_month
OUT/dirt.csv                 file, line, kind, fate of every injected fault
"""


def _parser() -> argparse.ArgumentParser:
    defaults = Shop()
    parser = argparse.ArgumentParser(
        prog="shop-simulator",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("out", type=Path, metavar="OUT", help="output folder")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--users", type=int, default=defaults.users, help="customers of the first month (default %(default)s)"
    )
    size.add_argument("--events", type=int, help="about so many events in all, instead of --users")
    add("--months", type=int, default=defaults.months, help="months, one file each (default %(default)s)")
    add("--start", default=defaults.start, metavar="YYYY-MM", help="first month (default %(default)s)")
    add("--seed", type=int, default=defaults.seed, help="same seed, same bytes (default %(default)s)")
    add(
        "--format",
        dest="file_format",
        choices=FORMATS,
        default=defaults.file_format,
        help="default %(default)s",
    )
    add(
        "--arrivals",
        type=float,
        default=defaults.arrivals,
        metavar="SHARE",
        help="new customers of each later month, as a share of --users (default %(default)s)",
    )
    add(
        "--activity",
        type=float,
        default=defaults.activity,
        metavar="FACTOR",
        help="multiplies the number of sessions (default %(default)s)",
    )
    add(
        "--currency-scale",
        type=float,
        default=defaults.currency_scale,
        metavar="FACTOR",
        help="multiplies prices (default %(default)s)",
    )
    add(
        "--timezone-offset",
        type=int,
        default=defaults.timezone_offset,
        metavar="HOURS",
        help="the shop's local time minus UTC (default %(default)s)",
    )
    add(
        "--fill-rate",
        type=float,
        default=defaults.fill_rate,
        metavar="SHARE",
        help="keep this share of category codes and brands, blank the rest (default %(default)s)",
    )
    add(
        "--dirt",
        type=float,
        default=defaults.dirt,
        metavar="SHARE",
        help="faults per line (default %(default)s)",
    )
    add(
        "--describe",
        action="store_true",
        help="print figures of the first two months beside the published ones",
    )
    add("--quiet", action="store_true", help="no progress on stderr")
    traps = parser.add_argument_group("traps, as found in the real files")
    add = traps.add_argument
    day = dt.date.fromisoformat
    add("--category-switch", type=day, metavar="YYYY-MM-DD", help="smartphones move to another top category")
    add("--lost-day", type=day, metavar="YYYY-MM-DD", help="the day loses 90 %% of its events")
    add("--unpaid-day", type=day, metavar="YYYY-MM-DD", help="the day has no purchase")
    add("--capped-price", type=float, metavar="PRICE", help="highest price, such as 2574.07")
    add(
        "--bot-session",
        type=int,
        nargs="?",
        const=34_570,
        default=0,
        metavar="VIEWS",
        help="one session of a bot (%(const)s views unless given)",
    )
    add(
        "--no-remove-from-cart", dest="remove_from_cart", action="store_false", help="removals are not logged"
    )
    add("--no-category-code", dest="category_code", action="store_false", help="category codes are empty")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 for settings that make no sense."""
    parser = _parser()
    settings = vars(parser.parse_args(arguments))
    out, events = settings.pop("out"), settings.pop("events")
    describe, quiet = settings.pop("describe"), settings.pop("quiet")
    try:
        if events is not None:
            settings["users"] = max(1, round(events / events_per_customer(Shop(**settings))))
        summary = generate(
            out, progress=None if quiet else lambda text: print(text, file=sys.stderr, flush=True), **settings
        )
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(
        f"{summary.events:,} events of {summary.users:,} customers in {len(summary.files)} files "
        f"under {out / 'events'}, {summary.seconds:.1f} s"
    )
    if describe:
        print(comparison(summary.files[:2]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
