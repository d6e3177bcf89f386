"""What the Amazon Redshift Database Developer Guide says, as data: pages, and its lists in full.

Nothing in here is our opinion; rules.py turns it into rules. Where the guide names a whole group ("advisory
lock functions"), the group's members are those of the same chapter of PostgreSQL's manual, since that is what
the guide refers to. Read in November 2026; when the guide changes, this is the only file to change.
"""

GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg/"

# Title of each page that a rule cites, by the name in its address.
PAGES = {
    "c_SQL_functions_leader_node_only": "Leader node\u2013only functions",
    "c_Supported_data_types": "Data types",
    "c_Window_functions": "Window functions",
    "c_unsupported-postgresql-datatypes": "Unsupported PostgreSQL data types",
    "c_unsupported-postgresql-features": "Unsupported PostgreSQL features",
    "c_unsupported-postgresql-functions": "Unsupported PostgreSQL functions",
    "c_SQL_functions": "SQL functions reference",
    "c_SQL_commands": "SQL commands",
    "c_Literals": "Literals",
    "c_redshift-sql": "Amazon Redshift SQL",
    "pattern-matching-conditions-posix": "POSIX operators",
    "r_ALTER_TABLE": "ALTER TABLE",
    "r_AVG": "AVG function",
    "r_COUNT": "COUNT function",
    "r_CREATE_MATERIALIZED_VIEW": "CREATE MATERIALIZED VIEW",
    "r_CREATE_ROLE": "CREATE ROLE",
    "r_CREATE_TABLE_AS": "CREATE TABLE AS",
    "r_CREATE_TABLE_NEW": "CREATE TABLE",
    "r_CREATE_VIEW": "CREATE VIEW",
    "r_Character_types": "Character types",
    "r_DELETE": "DELETE",
    "r_Dateparts_for_datetime_functions": "Date parts for date or timestamp functions",
    "r_Datetime_types": "Datetime types",
    "r_EXPLAIN": "EXPLAIN",
    "r_FROM_clause30": "FROM clause",
    "r_GROUP_BY_clause": "GROUP BY clause",
    "r_INSERT_30": "INSERT",
    "r_LISTAGG": "LISTAGG function",
    "r_LOCK": "LOCK",
    "r_MERGE": "MERGE",
    "r_Numeric_types201": "Numeric types",
    "r_ORDER_BY_clause": "ORDER BY clause",
    "r_PERCENTILE_CONT": "PERCENTILE_CONT function",
    "r_QUALIFY_clause": "QUALIFY clause",
    "r_SELECT_synopsis": "SELECT",
    "r_TO_TIMESTAMP": "TO_TIMESTAMP function",
    "r_TRUNCATE": "TRUNCATE",
    "r_UNION": "UNION, INTERSECT, and EXCEPT",
    "r_UNLOAD": "UNLOAD",
    "r_UPDATE": "UPDATE",
    "r_WITH_clause": "WITH clause",
    "r_correlated_subqueries": "Correlated subqueries",
    "r_interval_literals": "Interval literals",
    "r_names": "Names and identifiers",
    "r_pg_keywords": "Reserved words",
}


def page(name: str) -> str:
    """Return the title and address of a page, as a rule cites it."""
    return f"{PAGES[name]}, {GUIDE}{name}.html"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- "Leader node-only functions": both lists. LOCALTIMESTAMP is in the list of "Date and time functions".

LEADER_NODE_ONLY = _words("""
    current_schema current_schemas has_database_privilege has_schema_privilege has_table_privilege
    substr factorial log
""")
LEADER_NODE_ONLY_DEPRECATED = _words("""
    age current_time current_timestamp localtime localtimestamp isfinite now
    getbit get_byte set_bit set_byte to_ascii
""")

# --- "Unsupported PostgreSQL functions": the guide's entries, then the members of a group where it names none

UNSUPPORTED_FUNCTIONS: dict[str, frozenset[str]] = {
    "Access privilege inquiry functions": _words("""
        has_any_column_privilege has_column_privilege has_foreign_data_wrapper_privilege
        has_function_privilege has_language_privilege has_parameter_privilege has_sequence_privilege
        has_server_privilege has_tablespace_privilege has_type_privilege pg_has_role row_security_active
    """),
    "Advisory lock functions": _words("""
        pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
        pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
        pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
    """),
    "Aggregate functions": _words("""
        string_agg array_agg every xml_agg xmlagg corr covar_pop covar_samp regr_avgx regr_avgy regr_count
        regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
    """),
    "Array functions and operators": _words("""
        array_append array_cat array_dims array_fill array_length array_lower array_ndims array_prepend
        array_remove array_replace array_to_string array_upper cardinality string_to_array trim_array
        unnest
    """),
    "Backup control functions": _words("""
        pg_backup_start pg_backup_stop pg_create_restore_point pg_current_wal_flush_lsn
        pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xlog_insert_location
        pg_current_xlog_location pg_start_backup pg_stop_backup pg_switch_wal pg_switch_xlog
        pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset pg_xlog_location_diff pg_xlogfile_name
        pg_xlogfile_name_offset
    """),
    "Comment information functions": _words("col_description obj_description shobj_description"),
    "Database object location functions": _words(
        "pg_relation_filenode pg_relation_filepath pg_filenode_relation"
    ),
    "Database object size functions": _words("""
        pg_column_size pg_database_size pg_indexes_size pg_relation_size pg_size_bytes pg_size_pretty
        pg_table_size pg_tablespace_size pg_total_relation_size
    """),
    "Date/Time functions and operators": _words("""
        clock_timestamp justify_days justify_hours justify_interval pg_sleep pg_sleep_for pg_sleep_until
        transaction_timestamp
    """),
    "ENUM support functions": _words("enum_first enum_last enum_range"),
    "Geometric functions and operators": _words("""
        area center diameter height isclosed isopen npoints pclose popen radius width bound_box diagonal slope
        box circle line lseg path point polygon
    """),
    "Generic file access functions": _words("""
        pg_ls_dir pg_ls_logdir pg_ls_waldir pg_read_binary_file pg_read_file pg_stat_file
    """),
    "Network address functions and operators": _words("""
        abbrev broadcast family host hostmask inet_merge inet_same_family macaddr8_set7bit masklen netmask
        network set_masklen
    """),
    "Mathematical functions": _words("div setseed width_bucket"),
    "Set returning functions": _words("generate_series generate_subscripts"),
    "Range functions and operators": _words("""
        isempty lower_inc lower_inf range_merge upper_inc upper_inf int4range int8range numrange tsrange
        tstzrange daterange
    """),
    "Recovery control functions": _words("""
        pg_is_wal_replay_paused pg_is_xlog_replay_paused pg_promote pg_wal_replay_pause pg_wal_replay_resume
        pg_xlog_replay_pause pg_xlog_replay_resume
    """),
    "Recovery information functions": _words("""
        pg_is_in_recovery pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
        pg_last_xlog_receive_location pg_last_xlog_replay_location
    """),
    "Schema visibility inquiry functions": _words("""
        pg_collation_is_visible pg_conversion_is_visible pg_function_is_visible pg_opclass_is_visible
        pg_operator_is_visible pg_opfamily_is_visible pg_statistics_obj_is_visible pg_table_is_visible
        pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
        pg_type_is_visible
    """),
    "Server signaling functions": _words("pg_reload_conf pg_rotate_logfile pg_log_backend_memory_contexts"),
    "Snapshot synchronization functions": _words("pg_export_snapshot pg_log_standby_snapshot"),
    "Sequence manipulation functions": _words("currval lastval nextval setval"),
    "String functions": _words("""
        bit_length overlay convert_from convert_to encode format quote_nullable regexp_matches
        regexp_split_to_array regexp_split_to_table
    """),
    "System catalog information functions": _words("""
        format_type pg_char_to_encoding pg_describe_object pg_encoding_to_char pg_get_constraintdef
        pg_get_expr pg_get_functiondef pg_get_function_arguments pg_get_function_identity_arguments
        pg_get_function_result pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_ruledef
        pg_get_serial_sequence pg_get_statisticsobjdef pg_get_triggerdef pg_get_userbyid pg_get_viewdef
        pg_identify_object pg_index_column_has_property pg_index_has_property pg_indexam_has_property
        pg_options_to_table pg_tablespace_databases pg_tablespace_location pg_typeof to_regclass
        to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype
    """),
    "System information functions": _words("""
        current_catalog current_query inet_client_addr inet_client_port inet_server_addr inet_server_port
        pg_conf_load_time pg_is_other_temp_schema pg_listening_channels pg_my_temp_schema
        pg_postmaster_start_time pg_trigger_depth
    """),
    "Text search functions and operators": _words("""
        array_to_tsvector get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree
        setweight strip to_tsquery to_tsvector ts_debug ts_delete ts_filter ts_headline ts_lexize ts_parse
        ts_rank ts_rank_cd ts_rewrite ts_stat ts_token_type tsquery_phrase tsvector_to_array
        tsvector_update_trigger tsvector_update_trigger_column websearch_to_tsquery
    """),
    "Transaction IDs and snapshots functions": _words("""
        pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned pg_snapshot_xip pg_snapshot_xmax
        pg_snapshot_xmin pg_visible_in_snapshot pg_xact_commit_timestamp pg_xact_status txid_current
        txid_current_if_assigned txid_current_snapshot txid_snapshot_xip txid_snapshot_xmax txid_snapshot_xmin
        txid_status txid_visible_in_snapshot
    """),
    "Trigger functions": _words("suppress_redundant_updates_trigger"),
    "XML functions": _words("""
        cursor_to_xml cursor_to_xmlschema database_to_xml database_to_xml_and_xmlschema
        database_to_xmlschema query_to_xml query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml
        schema_to_xml_and_xmlschema schema_to_xmlschema table_to_xml table_to_xml_and_xmlschema
        table_to_xmlschema xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document
        xmlattributes xmlcomment xmlconcat xmlelement xmlexists xmlforest xmlparse xmlpi xmlroot
        xmlserialize xmltable xpath xpath_exists
    """),
}

# --- "SQL functions reference": what a query may call. Spatial functions (ST_...) are told by their prefix.

DOCUMENTED_FUNCTIONS = _words("""
    any_value avg count listagg max median min percentile_cont percentile_disc stddev stddev_pop
    stddev_samp sum var_pop var_samp variance bit_and bit_or bool_and bool_or case coalesce decode
    greatest least nullif nvl nvl2 cast convert text_to_int_alt text_to_numeric_alt to_char to_date
    to_number try_cast add_months convert_timezone date date_cmp date_cmp_timestamp date_cmp_timestamptz
    date_part date_part_year date_trunc dateadd datediff extract getdate interval_cmp last_day
    months_between next_day sysdate timeofday timestamp_cmp timestamp_cmp_date timestamp_cmp_timestamptz
    timestamptz_cmp timestamptz_cmp_date timestamptz_cmp_timestamp timezone to_timestamp trunc checksum
    farmfingerprint64 fnv_hash func_sha1 md5 murmur3_32_hash sha sha1 sha2 hll hll_cardinality hll_combine
    hll_combine_sketches hll_create_sketch can_json_parse is_valid_json is_valid_json_array
    json_array_length json_extract_array_element_text json_extract_path_text json_parse json_serialize
    json_serialize_to_varbyte explain_model abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees
    dexp dlog1 dlog10 exp floor ln mod pi pow power radians random round sign sin sqrt tan to_hex
    h3_boundary h3_center h3_fromlonglat h3_frompoint h3_isvalid h3_polyfill h3_resolution h3_tochildren
    h3_toparent ascii bpcharcmp btrim bttext_pattern_cmp char_length character_length charindex chr
    collate concat crc32 difference initcap left len length lower lpad ltrim octet_length octetindex
    position quote_ident quote_literal regexp_count regexp_instr regexp_replace regexp_substr repeat
    replace replicate reverse right rpad rtrim soundex split_part strpos strtol substring textlen
    translate trim upper array array_concat array_contains array_distinct array_except array_flatten
    array_intersection array_position array_positions array_sort array_union arrays_overlap
    get_array_length get_number_attributes lower_attribute_names object object_transform split_to_array
    subarray upper_attribute_names decimal_precision decimal_scale is_array is_bigint is_boolean is_char
    is_decimal is_float is_integer is_object is_scalar is_smallint is_varchar json_size json_typeof size
    from_hex from_varbyte to_varbyte cume_dist dense_rank first_value lag last_value lead nth_value ntile
    percent_rank rank ratio_to_report row_number change_query_priority change_session_priority
    change_user_priority current_setting pg_cancel_backend pg_terminate_backend reboot_cluster set_config
    current_aws_account current_database current_namespace has_assumerole_privilege pg_backend_pid
    pg_get_cols pg_get_grantee_by_iam_role pg_get_iam_role_by_user pg_get_late_binding_view_cols
    pg_last_copy_count pg_last_copy_id pg_last_query_id pg_last_unload_count pg_last_unload_id
    role_is_member_of slice_num user_is_member_of version
""")
SPATIAL_PREFIXES = ("st_", "geometrytype", "addbbox", "dropbbox", "supportsbbox")

# "Window functions": aggregates that need an explicit frame once the window is ordered.
FRAMED_WINDOW_FUNCTIONS = _words("""
    avg count max min sum stddev stddev_pop stddev_samp variance var_pop var_samp first_value last_value
    nth_value bool_and bool_or any_value
""")
# Functions that sort their input: their pages give all of them the same restrictions.
SORTING_AGGREGATES = _words("listagg percentile_cont percentile_disc median")

# --- "Unsupported PostgreSQL data types" and the types that other engines have; in one word each

UNSUPPORTED_TYPES: dict[str, frozenset[str]] = {
    "BIT, BIT VARYING": _words("bit varbit"),
    "BYTEA": _words("bytea"),
    "Composite types": _words("record"),
    "Enumerated types": _words("enum"),
    "Geometric types": _words("point line lseg box path polygon circle"),
    "HSTORE": _words("hstore"),
    "JSON": _words("json jsonb jsonpath"),
    "Network address types": _words("inet cidr macaddr macaddr8"),
    "Numeric types": _words("serial bigserial smallserial serial2 serial4 serial8 money"),
    "Object identifier types": _words("""
        oid regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc
        regprocedure regrole regtype xid cid tid
    """),
    "Pseudo-types": _words("""
        any anyarray anyelement anyenum anynonarray anyrange anycompatible cstring event_trigger
        fdw_handler internal language_handler opaque trigger unknown void
    """),
    "Range types": _words("int4range int8range numrange tsrange tstzrange daterange"),
    "Special character types": _words('name "char"'),
    "Text search types": _words("tsvector tsquery"),
    "TXID_SNAPSHOT": _words("txid_snapshot pg_snapshot pg_lsn"),
    "UUID": _words("uuid"),
    "XML": _words("xml"),
}
# "Data types" lists what there is; these are other engines' names that an author may reach for.
FOREIGN_TYPES = _words("""
    tinyint utinyint usmallint uinteger uint ubigint uhugeint hugeint int1 int128 string blob binary_blob
    double datetime timestamp_s timestamp_ms timestamp_ns timestamp_us struct map list union variant
    bignum long clob number
""")
OBJECT_IDENTIFIER_TYPES = UNSUPPORTED_TYPES["Object identifier types"] | _words("name")

# --- "Reserved words"

RESERVED_WORDS = _words("""
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup
    between binary blanksasnull both bytedict bzip2 case cast check collate column constraint create
    credentials cross current_date current_time current_timestamp current_user current_user_id default
    deferrable deflate defrag delta delta32k desc disable distinct do else emptyasnull enable encode
    encrypt encryption end except explicit false for foreign freeze from full globaldict256 globaldict64k
    grant group gzip having identity ignore ilike in initially inner intersect interval into is isnull
    join leading left like limit localtime localtimestamp lun luns lzo lzop minus mostly16 mostly32
    mostly8 natural new not notnull null nulls off offline offset oid old on only open or order outer
    overlaps parallel partition percent permissions pivot placing primary raw readratio recover references
    rejectlog resort respect restore right select session_user similar snapshot some sysdate system table
    tag tdes text255 text32k then timestamp to top trailing true truncatecolumns union unique unnest
    unpivot user using verbose wallet when where with without
""")
# "Unsupported PostgreSQL features": PostgreSQL's system columns cannot be names of columns.
SYSTEM_COLUMNS = _words("oid tableoid xmin cmin xmax cmax ctid")

# "Date parts for date or timestamp functions"
DATE_PARTS = _words("""
    millennium millennia mil mils century centuries c cent cents decade decades dec decs year years y yr
    yrs quarter quarters qtr qtrs month months mon mons week weeks w dayofweek dow dw weekday dayofyear
    doy dy yearday day days d hour hours h hr hrs minute minutes m min mins second seconds s sec secs
    millisecond milliseconds ms msec msecs msecond mseconds millisec millisecs millisecon microsecond
    microseconds microsec microsecs microsecond usecond useconds us usec usecs epoch timezone
    timezone_hour timezone_minute
""")
