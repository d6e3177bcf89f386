-- Events sorted by time, as they are, beside a copy that is sorted by user and time: seconds of the two questions that a build
-- asks. On a warehouse with your own events, as clientele_build:
--   python deploy/redshift/run.py --file deploy/redshift/sort-order.sql
-- Not proven on a cluster. The copy is dropped at the end.

drop table if exists core.events_by_user;
create table core.events_by_user distkey (user_sk) compound sortkey (user_sk, event_at) as select * from core.events;
analyze core.events_by_user;
set enable_result_cache_for_session to off;

set query_group to 'sort by time: touched users';
select count(*), sum(price) from core.events
where user_sk in (select user_sk from core.users where mod(abs(user_sk), 6) = 0);
set query_group to 'sort by user: touched users';
select count(*), sum(price) from core.events_by_user
where user_sk in (select user_sk from core.users where mod(abs(user_sk), 6) = 0);

set query_group to 'sort by time: a window of days';
select count(*), sum(price) from core.events
where event_at > (select max(event_at) - interval '30 days' from core.events);
set query_group to 'sort by user: a window of days';
select count(*), sum(price) from core.events_by_user
where event_at > (select max(event_at) - interval '30 days' from core.events_by_user);

reset query_group;
select query_label, elapsed_time / 1000000.0 as seconds from sys_query_history
where query_label like 'sort by %' and query_type = 'SELECT' and start_time > dateadd(hour, -1, getdate())
order by start_time;
drop table core.events_by_user;
