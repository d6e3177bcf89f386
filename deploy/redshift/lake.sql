-- The lake: one row per line of the event files in S3. Once per warehouse, as a superuser, before setup.sql:
--   python deploy/redshift/run.py --file deploy/redshift/lake.sql --set location=s3://BUCKET/events/ \
--       --set role=arn:aws:iam::ACCOUNT:role/clientele-lake
-- Not proven on a cluster: smoke.sh counts the lines of a small file before anything is built.
--
-- A line is one text: the delimiter is a control character that no event holds, so that no comma or quote cuts a line.
-- A byte that is no UTF-8 becomes chr(26), which quarantines its line. A line of more than 65,535 bytes is cut there, and one that
-- may have been cut is quarantined as line_too_long. Files ending in .gz are unpacked by Spectrum.
--
-- Files lie in a folder for the day on which they were delivered, s3://BUCKET/events/delivered=2026-03-01/, which is a partition:
-- a build reads the days that it does not know, and no other (docs/decisions/0118). deploy/redshift/deliver.sh puts them there.

create external schema if not exists lake
from data catalog database 'clientele_lake'
iam_role :role
create external database if not exists;

create external table lake.event_lines (
    line varchar(65535)
)
partitioned by (delivered date)
row format delimited
fields terminated by '\001'
lines terminated by '\n'
stored as textfile
location :location
table properties (
    'data_cleansing_enabled' = 'true',
    'invalid_char_handling' = 'REPLACE',
    'replacement_char' = '\032',
    'surplus_char_handling' = 'TRUNCATE'
);
