#!/usr/bin/env bash
# The first hour on a real cluster: what the stand-in of the tests cannot prove, step by step, on a synthetic shop.
# Needs the set-up of docs/redshift.md in a database of its own (it refuses one that holds events), `make env`, aws,
# and REDSHIFT_HOST, REDSHIFT_DATABASE, REDSHIFT_USER, DBT_ENV_SECRET_REDSHIFT_PASSWORD, CLIENTELE_PSEUDONYM_KEY, BUCKET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for name in REDSHIFT_HOST REDSHIFT_DATABASE REDSHIFT_USER DBT_ENV_SECRET_REDSHIFT_PASSWORD CLIENTELE_PSEUDONYM_KEY BUCKET; do
    if [ -z "${!name:-}" ]; then echo "smoke.sh: $name is not set (docs/redshift.md)" >&2; exit 2; fi
done
export PATH="$PWD/.venv/bin:$PATH" DBT_PROFILES_DIR=profiles DBT_SEND_ANONYMOUS_USAGE_STATS=false
work=${SMOKE_FOLDER:-target/smoke}
ask() { python deploy/redshift/run.py "$1"; }
say() { printf '\n== %s\n' "$1"; }

say "1. The cluster answers, and it is Redshift"
ask "select version()" | tee >(cat >&2) | grep -q Redshift

say "2. This database is empty: the test shop must not mix with customers"
tables=$(ask "select count(*) from svv_tables where table_schema = 'core' and table_name = 'events'")
if [ "$tables" != 0 ]; then echo "smoke.sh: core.events exists here; use a database of its own" >&2; exit 2; fi

say "3. A synthetic shop goes to the bucket, Spectrum counts its lines"
# What an earlier try has left: none of it is of this one.
rm -rf "$work/events/bad-byte.csv" "$work/warehouse" "$work/published" "$work/current" "$work"/2099-*.csv
python -m shop_simulator "$work" --users "${SMOKE_USERS:-3000}" --months 4 --quiet
# One line with a byte that is no UTF-8, among a few that are there already: it must come to the quarantine alone.
first=$(ls "$work"/events/*.csv | head -n 1)
head -n 6 "$first" > "$work/bad-byte.csv"
printf '%s\377\n' '2019-11-05 10:00:00 UTC,view,1,1,,brand,1.00,500000001,a' >> "$work/bad-byte.csv"
mv "$work/bad-byte.csv" "$work/events/"
deploy/redshift/deliver.sh "$work/events"
expected=$(cat "$work"/events/*.csv | wc -l)
found=$(ask "select count(*) from lake.event_lines")
if [ "$found" != "$expected" ]; then echo "smoke.sh: $expected lines in the files, Spectrum gives $found" >&2; exit 1; fi

say "4. Everything is built, Python models too, and tested"
clientele redshift-key
publish="{publish_to: 's3://$BUCKET/published'}"
dbt build --target redshift --vars "$publish"
bad=$(ask "select count(*) from vault.quarantined_lines where file_name = 'bad-byte.csv' and reason = 'invalid_encoding'")
if [ "$bad" != 1 ]; then echo "smoke.sh: $bad lines in quarantine for a byte that is no UTF-8, 1 expected" >&2; exit 1; fi

say "5. A later delivery of lines that are there already changes nothing, and is read without the earlier ones"
before=$(ask "select count(*), sum(cast(segment_id as bigint)), max(model_version) from marts.user_segments")
for day in 2099-01-01 2099-01-02; do
    awk -F , -v n="${day: -1}" 'NR == 1 || ($2 == "view" && seen++ < n)' "$first" > "$work/$day.csv"
    DELIVERED=$day deploy/redshift/deliver.sh "$work/$day.csv"
done
dbt build --target redshift --vars "$publish" --exclude-resource-type unit_test
after=$(ask "select count(*), sum(cast(segment_id as bigint)), max(model_version) from marts.user_segments")
if [ "$before" != "$after" ]; then echo "smoke.sh: $before became $after" >&2; exit 1; fi
dbt build --target redshift --select +event_files --exclude-resource-type test unit_test
days=$(ask "select distinct split_part(split_part(file_path, '/delivered=', 2), '/', 1) from vault.lake_lines order by 1" | xargs)
if [ "$days" != "2099-01-01 2099-01-02" ]; then echo "smoke.sh: the last run read the deliveries $days" >&2; exit 1; fi

say "6. The books"
ask "select file_name, n_lines, n_loaded, n_duplicates, n_quarantined, n_unaccounted from monitor.reconciliation order by 1"

say "7. Distribution, sort order, size, skew"
ask "select \"schema\", \"table\", \"diststyle\", sortkey1, size, tbl_rows, skew_rows, unsorted from svv_table_info
     where \"schema\" in ('vault', 'core', 'marts', 'monitor') order by size desc limit 20"

say "8. What took longest"
ask "select query_type, elapsed_time / 1000000 as seconds, left(query_text, 60) as begins from sys_query_history
     where start_time > dateadd(hour, -1, getdate()) and status = 'success' order by elapsed_time desc limit 10"

# What S3 was asked for: partitions there are, partitions read, files, bytes that came back. (Bytes scanned are the sizes of these
# files; on a provisioned cluster svl_s3query_summary has them as s3_scanned_bytes.)
ask "select query_id, total_partitions, qualified_partitions, scanned_files, returned_rows, returned_bytes,
         duration / 1000000 as seconds
     from sys_external_query_detail where start_time > dateadd(hour, -1, getdate()) order by query_id"
ask "select split_part(split_part(file_path, '/delivered=', 2), '/', 1) as delivered, count(*) as files, sum(file_bytes) as bytes
     from vault.event_files group by 1 order by 1"

say "9. No key material in what the cluster remembers of queries"
# The texts are searched here: a query that named the key would put it there.
ask "select text from sys_query_text where start_time > dateadd(hour, -2, getdate())" > "$work/queries.csv"
python - "$work/queries.csv" <<'PYTHON'
import os, sys
from clientele.privacy import keys
material = keys.derive(os.environ["CLIENTELE_PSEUDONYM_KEY"])
text = open(sys.argv[1]).read().lower()
held = [name for name in ("user_inner", "user_outer", "session") if getattr(material, name)[:24].lower() in text]
print(f"{len(text):,} characters of queries; key material: {', '.join(held) or 'none'}")
sys.exit(bool(held))
PYTHON
rm "$work/queries.csv"

say "10. The same shop on DuckDB gives the same segments"
CLIENTELE_EVENTS="$work/events" CLIENTELE_HOME="$work/warehouse" dbt build --exclude-resource-type test unit_test
ask "select user_key, segment_id, status from marts.user_segments order by 1" > "$work/redshift.csv"
python - "$work" <<'PYTHON'
import csv, sys, duckdb
folder = sys.argv[1]
ours = duckdb.sql(f"select user_key, segment_id, status from '{folder}/warehouse/published/user_segments.parquet' order by 1")
rows = [tuple("" if value is None else str(value) for value in row) for row in ours.fetchall()]
theirs = [tuple(row) for row in csv.reader(open(f"{folder}/redshift.csv"))]
differing = sum(a != b for a, b in zip(rows, theirs)) + abs(len(rows) - len(theirs))
print(f"{len(rows)} customers, {differing} differ")
sys.exit(differing > 0)
PYTHON

say "11. What is published can be read back"
aws s3 cp --only-show-errors "s3://$BUCKET/published/current000" "$work/current"
folder=$(cut -d '|' -f 1 "$work/current")
aws s3 cp --recursive --only-show-errors "s3://$BUCKET/published/$folder/user_segments/" "$work/published"
held=$(ask "select count(*) from marts.user_segments")
read_back=$(python -c "import duckdb, sys; print(duckdb.sql(f\"from '{sys.argv[1]}/*.parquet'\").count('*').fetchall()[0][0])" "$work/published")
echo "$read_back customers in the files of $folder"
if [ "$held" != "$read_back" ]; then echo "smoke.sh: $held customers in marts.user_segments" >&2; exit 1; fi

say "All of it holds. Keep this output: it is the first proof on a cluster."
