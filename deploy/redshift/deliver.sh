#!/usr/bin/env bash
# Deliver event files: into the folder of today's day in the bucket, which becomes a partition of lake.event_lines.
#   deploy/redshift/deliver.sh data/2026-03-01.csv.gz more/
# A file that is to take the place of an earlier one goes where that one lies, DELIVERED=2026-02-01, and is seen by a build with
# --vars 'rehash: true', which looks at every delivery.
# Needs aws, BUCKET, and what run.py needs, for the user clientele_build. Files first, the partition after them: a build that
# runs meanwhile sees none of them or some, and the next one the rest.
set -euo pipefail
day=${DELIVERED:-$(date -u +%F)}
if [ $# = 0 ]; then echo "deliver.sh: which files or folders?" >&2; exit 2; fi
if [ -z "${BUCKET:-}" ]; then echo "deliver.sh: BUCKET is not set (docs/redshift.md)" >&2; exit 2; fi
if ! [[ $day =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]]; then echo "deliver.sh: DELIVERED is no day: $day" >&2; exit 2; fi
place="s3://$BUCKET/events/delivered=$day/"
# Two files of one name would be one in the bucket, and the first lost without a word.
twice=$(for item in "$@"; do
    if [ -d "$item" ]; then (cd "$item" && find -L . -type f | sed 's|^\./||'); else basename "$item"; fi
done | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "deliver.sh: more than one of what you named would be $place${twice%%$'\n'*}. Nothing was delivered; give each" \
        "a name of its own, or deliver them to different days (DELIVERED=…)" >&2
    exit 2
fi
for item in "$@"; do
    if [ -d "$item" ]; then
        aws s3 cp --recursive --only-show-errors "$item" "$place"
    else
        aws s3 cp --only-show-errors "$item" "$place$(basename "$item")"
    fi
done
python "$(dirname "${BASH_SOURCE[0]}")/run.py" --set "day=$day" --set "place=$place" \
    "alter table lake.event_lines add if not exists partition (delivered = :day) location :place"
echo "delivered to $place"
