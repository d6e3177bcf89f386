-- One side input whose files lie in S3 (docs/side-inputs.md). As a superuser, once for each input that the shop has:
--   python deploy/redshift/run.py --file deploy/redshift/side.sql --set location=s3://BUCKET/side/consents/ \
--       --set role=arn:aws:iam::ACCOUNT:role/clientele-lake
-- and then dbt build --vars '{side_schema: side}'. Here it is consents: for another input change the name and the columns.
-- Not proven on a cluster.
--
-- Every column is a text, as the input is judged by the build. Columns are found by their place and not by the header: they
-- stand here in the order of the files. All files in the folder are the input.

create external schema if not exists side
from data catalog database 'clientele_side'
iam_role :role
create external database if not exists;

grant usage on schema side to clientele_build;

create external table side.consents (
    user_id varchar(1024),
    purpose varchar(1024),
    state varchar(1024),
    changed_at varchar(1024)
)
row format serde 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
stored as textfile
location :location
table properties ('skip.header.line.count' = '1');
