-- Once per warehouse, as a superuser, in the project's database: the schemas, who builds them and who may read what.
--   python deploy/redshift/run.py --file deploy/redshift/setup.sql --set build_password=env:BUILD_PASSWORD
--
--   clientele_build     the user that builds everything, and the only one that reads raw ids and key material
--   clientele_analyst   a role: core, marts and monitor, which hold pseudonyms only
--   clientele_reader    a role: marts, for BI and CRM export

create user clientele_build password :build_password;
create role clientele_analyst;
create role clientele_reader;

-- With it the build sees what was granted to anybody, and takes away what is none of ours. (It shows everybody's queries,
-- too: another reason for a database of its own.)
create role clientele_inspector;
grant access system table to role clientele_inspector;
grant role clientele_inspector to clientele_build;

-- It owns the schemas, and so whatever a build makes anew. (dbt asks for a schema before it knows that there is one.)
grant create on database :"database" to clientele_build;
create schema vault authorization clientele_build;
create schema core authorization clientele_build;
create schema marts authorization clientele_build;
create schema monitor authorization clientele_build;
-- Who owns an external schema may add partitions to its tables: deploy/redshift/deliver.sh does, as this user.
alter schema lake owner to clientele_build;

-- What the readers get is granted for tables to come: a build makes tables anew, and a grant on a table goes with it.
grant usage on schema core, marts, monitor to role clientele_analyst;
grant usage on schema marts to role clientele_reader;
alter default privileges for user clientele_build in schema core grant select on tables to role clientele_analyst;
alter default privileges for user clientele_build in schema marts grant select on tables to role clientele_analyst;
alter default privileges for user clientele_build in schema monitor grant select on tables to role clientele_analyst;
alter default privileges for user clientele_build in schema marts grant select on tables to role clientele_reader;
