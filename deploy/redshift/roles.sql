-- Once per warehouse, after setup.sql, as a superuser: what Redshift gives to everybody is taken back.
--   python deploy/redshift/run.py --file deploy/redshift/roles.sql
--
-- A new cluster lets PUBLIC use every attached IAM role, so that whoever may log in could UNLOAD to, or COPY from, whatever
-- these reach; and lets PUBLIC make tables in the schema public. The build writes publications through the default role
-- (clientele-publish, docs/redshift.md). It needs no right to clientele-lake: lake.sql has bound that one to the schema lake.
-- Not proven on a cluster: PostgreSQL, on which the tests run setup.sql, knows no IAM role.

revoke assumerole on all from public for all;
grant assumerole on default to clientele_build for unload;
revoke all on schema public from public;
