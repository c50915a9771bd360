//! Every key once: help, name, type, default, what becomes of it here, and what it may hold. Nothing else in the
//! house repeats any of these: the struct, the checks, `--help`, `docs/CONFIGURATION.md` and `/api/config` come from here.
//!
//! An entry reads `/// help` and `field: type = default, "key", origin state (note), allowed;`
//!
//! | origin | `/api/config` shows it |
//! | --- | --- |
//! | `java` | always, as OpenTSDB 2.4 does |
//! | `java_empty` | always; as an empty text while it is unset |
//! | `java_unset` | once it is set: OpenTSDB 2.4 reads it and has no default text for it |
//! | `ours` | once the file sets it: OpenTSDB 2.4 does not know it |
//!
//! | state | what becomes of it |
//! | --- | --- |
//! | `works` | does what the help says |
//! | `ignored` | accepted, logged once with the note: what it steers does not exist here |
//! | `refused` | stops the start when it is switched on: there is no built-in form of that plug-in |
//!
//! Source of names and defaults: OpenTSDB 2.4.1; a test compares both with `tests/golden/config-keys.tsv`.

use super::key::{Key, declare};

declare! {
    // ------------------------------------------------------------------ who may connect, and how
    /// TCP port for telnet and HTTP alike. 0 picks a free one and prints it.
    network_port: i64 = 4242, "tsd.network.port", java works, 0..=65_535;
    /// Address to listen on. Without any configuration file the default is 127.0.0.1, which only this machine can reach.
    network_bind: String = "0.0.0.0", "tsd.network.bind", java works;
    /// Connections that may wait to be accepted; the kernel's own limit applies as well.
    network_backlog: i64 = 3072, "tsd.network.backlog", java_unset works, 1..=65_535;
    /// Threads that serve connections. Empty or 0: one for each core.
    network_worker_threads: i64 = 0, "tsd.network.worker_threads", java_empty works, 0..=1024;
    /// Send small answers at once (TCP_NODELAY).
    network_tcp_no_delay: bool = true, "tsd.network.tcp_no_delay", java works;
    /// Let the kernel probe silent connections (SO_KEEPALIVE).
    network_keep_alive: bool = true, "tsd.network.keep_alive", java works;
    /// Listen again at once after a stop (SO_REUSEADDR).
    network_reuse_address: bool = true, "tsd.network.reuse_address", java works;
    /// What `opentsdb.conf` of OpenTSDB's packages calls `tsd.network.tcp_no_delay`.
    network_tcpnodelay: bool = true, "tsd.network.tcpnodelay", ours ignored("OpenTSDB never reads it; its name is tsd.network.tcp_no_delay");
    /// What that file calls `tsd.network.keep_alive`.
    network_keepalive: bool = true, "tsd.network.keepalive", ours ignored("OpenTSDB never reads it; its name is tsd.network.keep_alive");
    /// What that file calls `tsd.network.reuse_address`.
    network_reuseaddress: bool = true, "tsd.network.reuseaddress", ours ignored("OpenTSDB never reads it; its name is tsd.network.reuse_address");
    /// In OpenTSDB: non-blocking or blocking sockets.
    network_async_io: bool = true, "tsd.network.async_io", java ignored("sockets are always asynchronous");
    /// Connections served at once; 0: no limit. Further ones are closed. Without a configuration file: 4096.
    core_connections_limit: i64 = 0, "tsd.core.connections.limit", java works, 0..=1_000_000;
    /// Seconds after which a silent connection is closed, telnet and HTTP alike; 0: see `tsd.network.telnet_idle_timeout` and `tsd.http.idle_timeout`.
    core_socket_timeout: i64 = 0, "tsd.core.socket.timeout", java works, 0..=86_400;
    /// Milliseconds a new connection may take to send its first byte; 0: for ever.
    network_first_byte_timeout: i64 = 60_000, "tsd.network.first_byte_timeout", ours works, 0..=86_400_000;
    /// Milliseconds a telnet connection may be silent; 0: for ever.
    network_telnet_idle_timeout: i64 = 3_600_000, "tsd.network.telnet_idle_timeout", ours works, 0..=86_400_000;
    /// Longest telnet line in bytes, without its end. OpenTSDB stops at 1024.
    network_line_bytes_max: i64 = 1024, "tsd.network.line_bytes_max", ours works, 64..=65_536;
    /// Bytes of replies that a telnet client may leave unread before its lines are no longer read.
    network_reply_bytes_max: i64 = 65_536, "tsd.network.reply_bytes_max", ours works, 1024..=16_777_216;
    /// What this TSD does: `rw` everything, `ro` answers queries only, `wo` takes points only.
    mode: String = "rw", "tsd.mode", java works, ["rw", "ro", "wo"];
    /// Refuse the `diediedie` command, which lets anyone who can connect stop the TSD.
    no_diediedie: bool = false, "tsd.no_diediedie", java works;

    // ------------------------------------------------------------------ core
    /// Ask clients to authenticate.
    core_authentication_enable: bool = false, "tsd.core.authentication.enable", java refused("there is no built-in authentication yet, and the TSD would be open to everybody");
    /// Class that authenticates clients.
    core_authentication_plugin: String = "", "tsd.core.authentication.plugin", java ignored("Java classes cannot be loaded");
    /// Give unknown metric names an id when a point comes in. Off: such a point is refused.
    core_auto_create_metrics: bool = false, "tsd.core.auto_create_metrics", java works;
    /// Give unknown tag names an id when a point comes in. Off: such a point is refused.
    core_auto_create_tagks: bool = true, "tsd.core.auto_create_tagks", java works;
    /// Give unknown tag values an id when a point comes in. Off: such a point is refused.
    core_auto_create_tagvs: bool = true, "tsd.core.auto_create_tagvs", java works;
    /// In OpenTSDB: bulk imports may hold points of a series in any order.
    core_bulk_allow_out_of_order_timestamps: bool = false, "tsd.core.bulk.allow_out_of_order_timestamps", java ignored("`import` takes points in any order");
    /// In OpenTSDB's fat jar: the file of settings.
    core_config: String = "", "tsd.core.config", java_unset ignored("use --config");
    /// In OpenTSDB's fat jar: a second file of settings.
    core_config_include: String = "", "tsd.core.config.include", java_unset ignored("one file is read");
    /// Serve the HTTP API. Off: `/api/...` answers 404.
    core_enable_api: bool = true, "tsd.core.enable_api", java works;
    /// Serve the old pages and the web interface.
    core_enable_ui: bool = true, "tsd.core.enable_ui", java works;
    /// What the flag `--flush-interval` sets in OpenTSDB, which then reads `tsd.storage.flush_interval` instead.
    core_flushinterval: i64 = 1000, "tsd.core.flushinterval", java_unset ignored("OpenTSDB never reads it; use tsd.storage.flush_interval, as --flush-interval does here"), 0..=86_400_000;
    /// Decoders of histograms and their ids: a JSON object, or the path of a `.json` file that holds one.
    core_histograms_config: String = "", "tsd.core.histograms.config", java_unset works;
    /// Keep meta data in a cache plug-in.
    core_meta_cache_enable: bool = false, "tsd.core.meta.cache.enable", java refused("meta data cannot be handed to a plug-in");
    /// Class of the meta data cache.
    core_meta_cache_plugin: String = "", "tsd.core.meta.cache.plugin", java_unset ignored("Java classes cannot be loaded");
    /// Write a TSMeta object for every new series. As in OpenTSDB, only with `tsd.core.meta.enable_tsuid_tracking`.
    core_meta_enable_realtime_ts: bool = false, "tsd.core.meta.enable_realtime_ts", java works;
    /// Write a UIDMeta object for every new name.
    core_meta_enable_realtime_uid: bool = false, "tsd.core.meta.enable_realtime_uid", java works;
    /// Count the points of every series in the meta table. As in OpenTSDB, only with tracking and real-time TSMeta.
    core_meta_enable_tsuid_incrementing: bool = false, "tsd.core.meta.enable_tsuid_incrementing", java works;
    /// Note every series in the meta table.
    core_meta_enable_tsuid_tracking: bool = false, "tsd.core.meta.enable_tsuid_tracking", java works;
    /// Folder of plug-in jars.
    core_plugin_path: String = "", "tsd.core.plugin_path", java ignored("Java classes cannot be loaded");
    /// Read names and ids into the caches at start, so that the first points and queries need not wait for them.
    core_preload_uid_cache: bool = false, "tsd.core.preload_uid_cache", java works;
    /// Names of each kind that are read at start at most.
    core_preload_uid_cache_max_entries: i64 = 300_000, "tsd.core.preload_uid_cache.max_entries", java works, 0..=100_000_000;
    /// An older name of `tsd.storage.repair_appends`.
    core_repair_appends: bool = false, "tsd.core.repair_appends", java_unset ignored("OpenTSDB 2.4 never reads it; see tsd.storage.repair_appends");
    /// Add the port to the tags of the TSD's own statistics.
    core_stats_with_port: bool = false, "tsd.core.stats_with_port", java works;
    /// In OpenTSDB: hand points to a plug-in when HBase fails.
    core_storage_exception_handler_enable: bool = false, "tsd.core.storage_exception_handler.enable", java ignored("the journal (tsd.storage.journal.path) takes its place: it keeps points while HBase is away");
    /// Class that takes failed points.
    core_storage_exception_handler_plugin: String = "", "tsd.core.storage_exception_handler.plugin", java_unset ignored("Java classes cannot be loaded");
    /// Further characters that names of metrics and tags may hold, as one text.
    core_tag_allow_specialchars: String = "", "tsd.core.tag.allow_specialchars", java_unset works;
    /// Time zone of dates without one, such as `Europe/Berlin`; empty: that of the machine.
    core_timezone: String = "", "tsd.core.timezone", java_unset works, zone;
    /// Put every new series into the trees, as it gets its meta data (`tsd.core.meta.enable_tsuid_tracking` and `tsd.core.meta.enable_realtime_ts`).
    core_tree_enable_processing: bool = false, "tsd.core.tree.enable_processing", java works;
    /// Record collisions and series that match no rule while points come in, in trees with `storeFailures`. OpenTSDB does not, whatever its documentation says; `tsdb uid treesync` records them in any case.
    core_tree_record_failures: bool = false, "tsd.core.tree.record_failures", ours works;
    /// Give new metrics random ids, which spreads them over HBase's regions.
    core_uid_random_metrics: bool = false, "tsd.core.uid.random_metrics", java works;
    /// What is logged to standard error: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,tsdb::store=debug`. The variable RUST_LOG goes before it.
    log_level: String = "info", "tsd.log.level", ours works;

    // ------------------------------------------------------------------ HTTP
    /// Folder in which answers of `/q` (pictures and texts) are kept; empty: none is kept. `tsdb clean-cache` sweeps it.
    http_cachedir: String = "", "tsd.http.cachedir", java works;
    /// Bytes of answers in that folder at most; the oldest go first.
    http_cache_bytes_max: i64 = 268_435_456, "tsd.http.cache.bytes_max", ours works, 0..=1_099_511_627_776;
    /// Name of a request header whose value, `name=value`, is added to each point of its body as a tag.
    http_header_tag: String = "", "tsd.http.header_tag", java works;
    /// Let `delete` in a query delete what it reads.
    http_query_allow_delete: bool = false, "tsd.http.query.allow_delete", java works;
    /// Let every client stop running queries on the status page; otherwise only those on this machine can.
    http_query_allow_stop: bool = false, "tsd.http.query.allow_stop", ours works;
    /// Origins that browsers may call from, separated by commas; `*`: any; empty: none.
    http_request_cors_domains: String = "", "tsd.http.request.cors_domains", java works;
    /// Request headers that such browsers may send.
    http_request_cors_headers: String = "Authorization, Content-Type, Accept, Origin, User-Agent, DNT, Cache-Control, X-Mx-ReqToken, Keep-Alive, X-Requested-With, If-Modified-Since", "tsd.http.request.cors_headers", java works;
    /// Accept chunked requests and `Expect: 100-continue`. OpenTSDB's default is false.
    http_request_enable_chunked: bool = true, "tsd.http.request.enable_chunked", java works;
    /// Bytes of a chunked request's body at most. OpenTSDB's default is 4096.
    http_request_max_chunk: i64 = 67_108_864, "tsd.http.request.max_chunk", java works, 1..=1_073_741_824;
    /// Bytes of a request's body at most, as it is sent.
    http_request_max_body: i64 = 67_108_864, "tsd.http.request.max_body", ours works, 1024..=1_073_741_824;
    /// Bytes of a gzip body at most, once inflated.
    http_request_max_inflated: i64 = 67_108_864, "tsd.http.request.max_inflated", ours works, 1024..=1_073_741_824;
    /// Milliseconds the body of a request may take to arrive; 0: for ever.
    http_request_timeout: i64 = 60_000, "tsd.http.request.timeout", ours works, 0..=86_400_000;
    /// Milliseconds the head of a request may take to arrive; 0: for ever.
    http_header_timeout: i64 = 10_000, "tsd.http.header_timeout", ours works, 0..=86_400_000;
    /// Bytes of a request's head at most.
    http_header_bytes_max: i64 = 65_536, "tsd.http.header_bytes_max", ours works, 8192..=1_048_576;
    /// Header lines of a request at most.
    http_headers_max: i64 = 100, "tsd.http.headers_max", ours works, 16..=1000;
    /// Milliseconds a kept-alive connection may wait for its next request; 0: for ever.
    http_idle_timeout: i64 = 60_000, "tsd.http.idle_timeout", ours works, 0..=86_400_000;
    /// How deep JSON of a request may be nested.
    http_json_depth_max: i64 = 32, "tsd.http.json_depth_max", ours works, 4..=128;
    /// Classes that serve further HTTP paths.
    http_rpc_plugins: String = "", "tsd.http.rpc.plugins", java_unset refused("Java classes cannot be loaded");
    /// How a query's answer writes a value that is no number: `string` as "NaN", as OpenTSDB does, `null` as null, which Grafana and Bosun read.
    http_query_nan: String = "string", "tsd.http.query.nan", ours works, ["string", "null"];
    /// Put a `trace` into error answers. OpenTSDB's default is true.
    http_show_stack_trace: bool = false, "tsd.http.show_stack_trace", java works;
    /// Folder of files to serve below `/s/`.
    http_staticroot: String = "", "tsd.http.staticroot", java works;
    /// Folder to serve the built-in pages from, in place of those in the binary: for working on them.
    ui_path: String = "", "tsd.ui.path", ours works;
    /// Which sites may show the built-in pages in a frame, as in the header Content-Security-Policy: `'self'`, `'none'`, `*`, or addresses separated by blanks.
    ui_frame_ancestors: String = "'self'", "tsd.ui.frame_ancestors", ours works;

    // ------------------------------------------------------------------ storage: which, where
    /// Where points are kept: `hbase`, or `embedded` for a folder of this machine. Empty: hbase when a gateway or a ZooKeeper quorum is set, else embedded.
    storage_engine: String = "", "tsd.storage.engine", ours works, ["", "embedded", "hbase"];
    /// Folder of the embedded store. Only one process may use it at a time.
    storage_embedded_path: String = "tsdb-data", "tsd.storage.embedded.path", ours works;
    /// Bytes of memory for blocks of the embedded store that were read. What falls out of it is as a rule still in the file cache of the system, and has to be unpacked again.
    storage_embedded_cache_bytes: i64 = 8_388_608, "tsd.storage.embedded.cache_bytes", ours works, 1_048_576..=1_099_511_627_776;
    /// Thrift1 gateways of HBase, `host:port,host:port`. A host without a port means port 9090.
    storage_hbase_thrift: String = "", "tsd.storage.hbase.thrift", ours works, hosts;
    /// How the gateways frame messages.
    storage_hbase_thrift_transport: String = "buffered", "tsd.storage.hbase.thrift.transport", ours works, ["buffered", "framed"];
    /// How the gateways encode messages.
    storage_hbase_thrift_protocol: String = "binary", "tsd.storage.hbase.thrift.protocol", ours works, ["binary", "compact"];
    /// Connections to each gateway, each with its own thread here and there.
    storage_hbase_thrift_connections: i64 = 4, "tsd.storage.hbase.thrift.connections", ours works, 1..=64;
    /// Milliseconds to connect to a gateway.
    storage_hbase_thrift_connect_timeout: i64 = 2000, "tsd.storage.hbase.thrift.connect_timeout", ours works, 10..=600_000;
    /// Milliseconds a gateway has for one call; afterwards another one is tried where that is safe.
    storage_hbase_thrift_deadline: i64 = 10_000, "tsd.storage.hbase.thrift.deadline", ours works, 100..=600_000;
    /// ZooKeeper hosts of HBase. With no gateway named, their port 9090 is tried for a Thrift gateway. OpenTSDB's default is localhost.
    storage_hbase_zk_quorum: String = "", "tsd.storage.hbase.zk_quorum", java works, hosts;
    /// In OpenTSDB: where ZooKeeper keeps HBase's root.
    storage_hbase_zk_basedir: String = "/hbase", "tsd.storage.hbase.zk_basedir", java ignored("the gateways know it");
    /// Table of points.
    storage_hbase_data_table: String = "tsdb", "tsd.storage.hbase.data_table", java works;
    /// Table of names and ids.
    storage_hbase_uid_table: String = "tsdb-uid", "tsd.storage.hbase.uid_table", java works;
    /// Table of trees.
    storage_hbase_tree_table: String = "tsdb-tree", "tsd.storage.hbase.tree_table", java works;
    /// Table of meta data.
    storage_hbase_meta_table: String = "tsdb-meta", "tsd.storage.hbase.meta_table", java works;
    /// Table of screens and of what workers share. Empty: the table of points and `-worker`, which is `tsdb-worker` as a rule. A TSD works without it; only what is kept there is then refused.
    storage_worker_table: String = "", "tsd.storage.worker.table", ours works;
    /// In OpenTSDB: look up all regions at start.
    storage_hbase_prefetch_meta: bool = false, "tsd.storage.hbase.prefetch_meta", java ignored("the gateways keep the list of regions");
    /// In OpenTSDB: rows of one answer of a scan.
    storage_hbase_scanner_max_num_rows: i64 = 128, "tsd.storage.hbase.scanner.maxNumRows", java ignored("batches are sized by rows and bytes here"), 1..=1_000_000;

    // ------------------------------------------------------------------ storage: how points are kept
    /// Milliseconds that points wait for others of their row before they go to HBase. Other TSDs see a point at most this late.
    storage_flush_interval: i64 = 1000, "tsd.storage.flush_interval", java works, 0..=3_600_000;
    /// How points become cells: `single`, one each, as OpenTSDB writes them, or `packed`, those of a row together. Empty: single on HBase, packed in the embedded store.
    storage_cells: String = "", "tsd.storage.cells", ours works, ["", "single", "packed"];
    /// Folder of the journal, which holds acknowledged points until they are stored. Empty: `journal` in the folder of the embedded store, `tsdb-journal` for HBase.
    storage_journal_path: String = "", "tsd.storage.journal.path", ours works;
    /// Bytes of the journal at most. When it is full, clients wait and are then told so.
    storage_journal_max_bytes: i64 = 1_073_741_824, "tsd.storage.journal.max_bytes", ours works, 16_777_216..=1_099_511_627_776;
    /// Bytes of memory for points that wait to be stored.
    storage_head_max_bytes: i64 = 100_663_296, "tsd.storage.head.max_bytes", ours works, 1_048_576..=1_099_511_627_776;
    /// Series whose row keys are kept in memory, about 200 bytes each.
    storage_series_cache_max: i64 = 1_000_000, "tsd.storage.series_cache.max", ours works, 1000..=1_000_000_000;
    /// Milliseconds that a full journal or a full memory for points holds a client back before it is told so.
    storage_backpressure: i64 = 5000, "tsd.storage.backpressure", ours works, 0..=3_600_000;
    /// Tags of a point at most.
    storage_max_tags: i64 = 8, "tsd.storage.max_tags", java_unset works, 1..=127;
    /// Compact rows that hold two values for an instant, keeping the one written last, and let `fsck` keep that one. Off: such rows stay as they are. Queries always read the value written last; OpenTSDB fails them while this is off.
    storage_fix_duplicates: bool = false, "tsd.storage.fix_duplicates", java works;
    /// Bytes of salt before each row key, which spread series over regions; 0: none. All TSDs of a cluster must agree.
    storage_salt_width: i64 = 0, "tsd.storage.salt.width", java_unset works, 0..=8;
    /// Number of different salts. All TSDs of a cluster must agree.
    storage_salt_buckets: i64 = 20, "tsd.storage.salt.buckets", java_unset works, 1..=2_147_483_647;
    /// Bytes of a metric's id. All TSDs of a cluster must agree.
    storage_uid_width_metric: i64 = 3, "tsd.storage.uid.width.metric", java_unset works, 1..=8;
    /// Bytes of a tag name's id. All TSDs of a cluster must agree.
    storage_uid_width_tagk: i64 = 3, "tsd.storage.uid.width.tagk", java_unset works, 1..=8;
    /// Bytes of a tag value's id. All TSDs of a cluster must agree.
    storage_uid_width_tagv: i64 = 3, "tsd.storage.uid.width.tagv", java_unset works, 1..=8;
    /// Give each cell the time of its point instead of the time of writing (for date tiered compaction in HBase).
    storage_use_otsdb_timestamp: bool = false, "tsd.storage.use_otsdb_timestamp", java works;
    /// With `tsd.storage.use_otsdb_timestamp`: of two values for an instant keep the greater one, else the smaller.
    storage_use_max_value: bool = true, "tsd.storage.use_max_value", java works;
    /// In OpenTSDB: since when (seconds) cells carry the times of their points, so that scans can skip older files.
    storage_get_date_tiered_compaction_start: i64 = 0, "tsd.storage.get_date_tiered_compaction_start", java ignored("scans do not filter by the times of cells"), 0..=9_223_372_036_854_775_807;
    /// Write points by appending to one column a row. Goes before `tsd.storage.cells`; such rows need no compaction.
    storage_enable_appends: bool = false, "tsd.storage.enable_appends", java works;
    /// When a query reads a column of appends that is out of order or holds an instant twice, and its hour began over an hour ago, put it in order.
    storage_repair_appends: bool = false, "tsd.storage.repair_appends", java works;
    /// Join the cells of a row once it has been quiet. The embedded store joins packed cells when it writes them, whatever this says.
    storage_enable_compaction: bool = true, "tsd.storage.enable_compaction", java works;
    /// Seconds between two rounds of compaction.
    storage_compaction_flush_interval: i64 = 10, "tsd.storage.compaction.flush_interval", java works, 0..=86_400;
    /// How much faster than needed the rows of an hour are compacted: 1 spreads them over an hour, 2 over half of it.
    storage_compaction_flush_speed: i64 = 2, "tsd.storage.compaction.flush_speed", java works, 0..=1_000_000;
    /// Rows that are compacted at once; one call takes 128 at most.
    storage_compaction_max_concurrent_flushes: i64 = 10_000, "tsd.storage.compaction.max_concurrent_flushes", java works, 0..=100_000_000;
    /// No round begins while no more rows than this wait, and a round takes at least as many.
    storage_compaction_min_flush_threshold: i64 = 100, "tsd.storage.compaction.min_flush_threshold", java works, 0..=100_000_000;
    /// Milliseconds since the end of its hour, and since anything was written to it, after which a row is compacted; the flush interval comes to it.
    storage_compaction_quiet: i64 = 3_600_000, "tsd.storage.compaction.quiet", ours works, 0..=86_400_000;

    // ------------------------------------------------------------------ queries
    /// Milliseconds a query may take; 0: no limit. Without a configuration file: 60000.
    query_timeout: i64 = 0, "tsd.query.timeout", java works, 0..=86_400_000;
    /// Threads that read for queries. 0: one for each core.
    query_threads: i64 = 0, "tsd.query.threads", ours works, 0..=1024;
    /// Queries that run at once; further ones wait. 0: two for each core.
    query_concurrent: i64 = 0, "tsd.query.concurrent", ours works, 0..=1024;
    /// Bytes of memory one query may hold. 0: a quarter of the machine's memory, divided by `tsd.query.concurrent`, at least 64 MiB.
    query_memory: i64 = 0, "tsd.query.memory", ours works, 0..=1_099_511_627_776;
    /// Bytes that one query may read; 0: no limit.
    query_limits_bytes_default: i64 = 0, "tsd.query.limits.bytes.default", java works, 0..=1_000_000_000;
    /// Let queries be without the limit of bytes (`overrideByteLimit` in the body).
    query_limits_bytes_allow_override: bool = false, "tsd.query.limits.bytes.allow_override", java works;
    /// Points that one query may read; 0: no limit.
    query_limits_data_points_default: i64 = 0, "tsd.query.limits.data_points.default", java works, 0..=1_000_000_000_000;
    /// Let queries be without the limit of points (`overrideDataPointLimit` in the body).
    query_limits_data_points_allow_override: bool = false, "tsd.query.limits.data_points.allow_override", java works;
    /// File of limits for metrics by name: `[{"regex":"^sys","byteLimit":0,"dataPointsLimit":1000000}]`, 0 is no limit, the first match counts.
    query_limits_overrides_config: String = "", "tsd.query.limits.overrides.config", java_unset works;
    /// Milliseconds between two looks at that file.
    query_limits_overrides_interval: i64 = 60_000, "tsd.query.limits.overrides.interval", java works, 1..=86_400_000;
    /// In OpenTSDB: values of one tag that a filter may be turned into for HBase.
    query_filter_expansion_limit: i64 = 4096, "tsd.query.filter.expansion_limit", java ignored("how a filter is split between here and the store is decided query by query"), 0..=1_000_000;
    /// Answer a query that names an unknown tag value with what else matches, instead of an error.
    query_skip_unresolved_tagvs: bool = false, "tsd.query.skip_unresolved_tagvs", java works;
    /// Let equal queries of one host run at the same time. Off: the second one is refused.
    query_allow_simultaneous_duplicates: bool = true, "tsd.query.allow_simultaneous_duplicates", java works;
    /// In OpenTSDB: use HBase's fuzzy row filter with explicit tags.
    query_enable_fuzzy_filter: bool = true, "tsd.query.enable_fuzzy_filter", java ignored("the gateways cannot take that filter; another one does its work");
    /// In OpenTSDB: read rows by key where the filters allow it.
    query_multi_get_enable: bool = false, "tsd.query.multi_get.enable", java ignored("how rows are read is decided query by query");
    /// In OpenTSDB: keys of one call.
    query_multi_get_batch_size: i64 = 1024, "tsd.query.multi_get.batch_size", java ignored("how rows are read is decided query by query"), 1..=1_000_000;
    /// In OpenTSDB: such calls at once.
    query_multi_get_concurrent: i64 = 20, "tsd.query.multi_get.concurrent", java ignored("how rows are read is decided query by query"), 1..=100_000;
    /// In OpenTSDB: ask for every salt.
    query_multi_get_get_all_salts: bool = false, "tsd.query.multi_get.get_all_salts", java ignored("how rows are read is decided query by query");
    /// In OpenTSDB: series up to which rows are read by key.
    query_multi_get_limit: i64 = 131_072, "tsd.query.multi_get.limit", java ignored("how rows are read is decided query by query"), 0..=100_000_000;

    // ------------------------------------------------------------------ names
    /// Bound the caches of names and ids by `tsd.uid.lru.name.size` and `tsd.uid.lru.id.size`. They are always bounded here; off means those keys' defaults.
    uid_lru_enable: bool = false, "tsd.uid.lru.enable", java works;
    /// Names kept in memory for each kind.
    uid_lru_name_size: i64 = 5_000_000, "tsd.uid.lru.name.size", java works, 1..=1_000_000_000;
    /// Ids kept in memory for each kind.
    uid_lru_id_size: i64 = 5_000_000, "tsd.uid.lru.id.size", java works, 1..=1_000_000_000;
    /// In OpenTSDB: cache only names (`wo`) or only ids (`ro`), by `tsd.mode`.
    uid_use_mode: bool = false, "tsd.uid.use_mode", java ignored("each direction is cached when it is used");
    /// Give ids only to new names that the whitelist lets in.
    uidfilter_enable: bool = false, "tsd.uidfilter.enable", java works;
    /// Class of the filter. OpenTSDB's whitelist, `net.opentsdb.uid.UniqueIdWhitelistFilter`, is built in and the only one.
    uidfilter_plugin: String = "", "tsd.uidfilter.plugin", java_unset works;
    /// What separates patterns in the keys below, itself a regular expression; a comma if unset.
    uidfilter_whitelist_delimiter: String = "", "tsd.uidfilter.whitelist.delimiter", java_unset works;
    /// Regular expressions that must all be found in a new metric.
    uidfilter_whitelist_metric_patterns: String = "", "tsd.uidfilter.whitelist.metric_patterns", java_unset works;
    /// Regular expressions that must all be found in a new tag name.
    uidfilter_whitelist_tagk_patterns: String = "", "tsd.uidfilter.whitelist.tagk_patterns", java_unset works;
    /// Regular expressions that must all be found in a new tag value.
    uidfilter_whitelist_tagv_patterns: String = "", "tsd.uidfilter.whitelist.tagv_patterns", java_unset works;

    // ------------------------------------------------------------------ rollups
    /// Take and serve rolled-up points.
    rollups_enable: bool = false, "tsd.rollups.enable", java works;
    /// Intervals and tables of rollups: JSON or the path of a file that holds it.
    rollups_config: String = "", "tsd.rollups.config", java_unset works;
    /// An older name of `tsd.rollups.agg_tag_key`.
    rollups_agg_tag: String = "", "tsd.rollups.agg_tag", java_unset ignored("OpenTSDB 2.4 never reads it; see tsd.rollups.agg_tag_key");
    /// Tag that tells how a point was aggregated over tags.
    rollups_agg_tag_key: String = "_aggregate", "tsd.rollups.agg_tag_key", java works;
    /// Its value for points that were not.
    rollups_raw_agg_tag_value: String = "RAW", "tsd.rollups.raw_agg_tag_value", java works;
    /// Give that tag to rolled-up values of single series too.
    rollups_tag_raw: bool = false, "tsd.rollups.tag_raw", java works;
    /// Refuse values made by `avg` or `dev`, which cannot be rolled up further.
    rollups_block_derived: bool = true, "tsd.rollups.block_derived", java works;
    /// Read recent points from the table of points where rollups may still be missing (`delaySla`).
    rollups_split_query_enable: bool = false, "tsd.rollups.split_query.enable", java works;

    // ------------------------------------------------------------------ statistics and telnet
    /// Name the host in the TSD's own statistics as DNS knows it.
    stats_canonical: bool = false, "tsd.stats.canonical", java works;
    /// Tell telnet clients when a point could not be stored.
    rpc_telnet_return_errors: bool = true, "tsd.rpc.telnet.return_errors", java works;

    // ------------------------------------------------------------------ plug-ins of the Java TSD
    /// Classes of further commands, in OpenTSDB's fat jar.
    addins_rpcs: String = "", "tsd.addins.rpcs", java_unset refused("Java classes cannot be loaded");
    /// Jars of those.
    addins_rpcs_classpath: String = "", "tsd.addins.rpcs.classpath", java_unset ignored("Java classes cannot be loaded");
    /// Classes of further servers.
    rpc_plugins: String = "", "tsd.rpc.plugins", java_unset refused("Java classes cannot be loaded");
    /// Publish every accepted point and histogram and every stored annotation as a line of JSON to `tsd.rtpublisher.address`.
    rtpublisher_enable: bool = false, "tsd.rtpublisher.enable", java works;
    /// Class of that plug-in.
    rtpublisher_plugin: String = "", "tsd.rtpublisher.plugin", java ignored("Java classes cannot be loaded");
    /// Where they are published to: `tcp://host:port` for lines, `http://host:port/path` for POST requests of many lines.
    rtpublisher_address: String = "", "tsd.rtpublisher.address", ours works;
    /// Bytes of points, histograms and annotations that may wait for the receiver; further ones are not published, and counted.
    rtpublisher_buffer_bytes: i64 = 67_108_864, "tsd.rtpublisher.buffer_bytes", ours works, 65_536..=4_294_967_296;
    /// Index meta data in a search plug-in.
    search_enable: bool = false, "tsd.search.enable", java refused("meta data cannot be handed to a search plug-in");
    /// Class of that plug-in.
    search_plugin: String = "", "tsd.search.plugin", java ignored("Java classes cannot be loaded");
    /// Run a plug-in at start, such as one that registers the TSD for discovery.
    startup_enable: bool = false, "tsd.startup.enable", java refused("Java classes cannot be loaded");
    /// Class of that plug-in.
    startup_plugin: String = "", "tsd.startup.plugin", java ignored("Java classes cannot be loaded");
    /// Ask a plug-in whether to take each point.
    timeseriesfilter_enable: bool = false, "tsd.timeseriesfilter.enable", java refused("points cannot be filtered by a plug-in, and every point would be let in");
    /// Class of that plug-in.
    timeseriesfilter_plugin: String = "", "tsd.timeseriesfilter.plugin", java_unset ignored("Java classes cannot be loaded");

    // ------------------------------------------------------------------ worker
    /// Run a worker inside this TSD (`tsdb tsd --worker`): with the embedded store it is the only way, since one process has the store.
    worker_enable: bool = false, "tsd.worker.enable", ours works;
    /// File of rules, or a folder of `.toml` files. They are read again when they change.
    worker_rules: String = "", "tsd.worker.rules", ours works;
    /// Folder of what a worker keeps beside the tables: its journal, messages that could not be delivered, and with `tsd.worker.url` its states.
    worker_path: String = "tsdb-worker", "tsd.worker.path", ours works;
    /// Address of a TSD to work on over HTTP, such as `http://127.0.0.1:4242` (`tsdb worker --tsd`). Empty: the tables themselves.
    worker_url: String = "", "tsd.worker.url", ours works;
    /// Seconds of a round. A worker that is killed is replaced within two.
    worker_interval: i64 = 60, "tsd.worker.interval", ours works, 1..=86_400;
    /// Seconds that a round stays behind the present. At least the longest `tsd.storage.flush_interval` of all TSDs, so that waiting points are not taken for missing ones.
    worker_delay: i64 = 5, "tsd.worker.delay", ours works, 0..=86_400;
    /// Rules that are checked at the same time.
    worker_threads: i64 = 2, "tsd.worker.threads", ours works, 1..=64;
    /// Days that the history of alerts is kept.
    worker_history_days: i64 = 7, "tsd.worker.history.days", ours works, 1..=3_650;
    /// Write incidents as annotations on their series. Notes of people are never changed.
    worker_annotations: bool = true, "tsd.worker.annotations", ours works;
    /// Write the worker's own numbers as data points `tsdb.worker.*`.
    worker_points: bool = true, "tsd.worker.points", ours works;
    /// Channels, separated by commas, that are told of the worker's own troubles: the store is away, a rule cannot be checked, other workers have other rules.
    worker_notify: String = "", "tsd.worker.notify", ours works;
    /// Address of the pages as people reach them, for links in messages.
    worker_link: String = "", "tsd.worker.link", ours works;
    /// Metrics that Skyline's detectors look at in each round: patterns with `*` separated by commas; one that begins with `!` leaves metrics out. Empty: none.
    worker_detect_metrics: String = "", "tsd.worker.detect.metrics", ours works;
    /// Metrics of these whose values count up, as patterns: their change per second is looked at. Empty: none.
    worker_detect_rate: String = "", "tsd.worker.detect.rate", ours works;
    /// Seconds between two looks of the detectors.
    worker_detect_interval: i64 = 60, "tsd.worker.detect.interval", ours works, 1..=86_400;
    /// Channels, separated by commas, that are told of anomalies.
    worker_detect_notify: String = "", "tsd.worker.detect.notify", ours works;
    /// Seconds after which a series that still is anomalous is told again (the expiry of Skyline's `ALERTS`).
    worker_detect_expiry: i64 = 1_800, "tsd.worker.detect.expiry", ours works, 1..=31_536_000;
    /// Skyline's FULL_DURATION: seconds of the window.
    worker_skyline_full_duration: i64 = 86_400, "tsd.worker.skyline.full_duration", ours works, 60..=2_678_400;
    /// Skyline's MINI_DURATION: seconds of the short window, in which similar series are looked for.
    worker_skyline_mini_duration: i64 = 3_600, "tsd.worker.skyline.mini_duration", ours works, 60..=2_678_400;
    /// Skyline's STALE_PERIOD: a series without a point for longer, in seconds, is not judged.
    worker_skyline_stale_period: i64 = 500, "tsd.worker.skyline.stale_period", ours works, 1..=31_536_000;
    /// Skyline's MIN_TOLERABLE_LENGTH: a series with fewer points is not judged.
    worker_skyline_min_tolerable_length: i64 = 1, "tsd.worker.skyline.min_tolerable_length", ours works, 0..=1_000_000;
    /// Skyline's MAX_TOLERABLE_BOREDOM: so many last points tell whether a series is boring.
    worker_skyline_max_tolerable_boredom: i64 = 100, "tsd.worker.skyline.max_tolerable_boredom", ours works, 0..=1_000_000;
    /// Skyline's BOREDOM_SET_SIZE: boring is a series with exactly so many distinct values.
    worker_skyline_boredom_set_size: i64 = 1, "tsd.worker.skyline.boredom_set_size", ours works, 0..=1_000_000;
    /// Skyline's ALGORITHMS, separated by commas. Empty: the nine.
    worker_skyline_algorithms: String = "", "tsd.worker.skyline.algorithms", ours works;
    /// Skyline's CONSENSUS: so many algorithms must agree.
    worker_skyline_consensus: i64 = 6, "tsd.worker.skyline.consensus", ours works, 0..=1_000;
    /// Skyline's ENABLE_SECOND_ORDER: a series must trigger out of its habit, too.
    worker_skyline_enable_second_order: bool = false, "tsd.worker.skyline.enable_second_order", ours works;
    /// Skyline's CANARY_METRIC: a metric that shows how much of the window is filled: `tsdb.worker.detect.duration`, hours.
    worker_skyline_canary_metric: String = "statsd.numStats", "tsd.worker.skyline.canary_metric", ours works;
    /// Skyline's SKIP_LIST: metrics that hold one of these texts, separated by commas, are left out.
    worker_skyline_skip_list: String = "", "tsd.worker.skyline.skip_list", ours works;
    /// Skyline's ROOMBA_GRACE_TIME: seconds before the window that are looked at as well.
    worker_skyline_roomba_grace_time: i64 = 600, "tsd.worker.skyline.roomba_grace_time", ours works, 0..=86_400;
    /// Skyline's ENABLE_ALERTS: whether anomalies are told at all.
    worker_skyline_enable_alerts: bool = true, "tsd.worker.skyline.enable_alerts", ours works;

    /// Seconds between two readings of the windows up to now in which similar series are looked for: those that somebody searched in the last ten minutes, and with a worker inside always `tsd.worker.skyline.mini_duration`. 0: they are read on request only.
    worker_similar_interval: i64 = 60, "tsd.worker.similar.interval", ours works, 0..=86_400;

    // ------------------------------------------------------------------ process, logback, gnuplot
    /// File to write the process id to; removed at a clean stop.
    process_pid_file: String = "", "tsd.process.pid.file", java_unset works;
    /// Overwrite that file if it exists. Off: the TSD does not start while the process it names runs.
    process_pid_ignore_existing: bool = false, "tsd.process.pid.ignore.existing", java_unset works;
    /// Further gnuplot options that `/q` may pass on.
    gnuplot_options_allowlist: String = "", "tsd.gnuplot.options.allowlist", java_unset ignored("there is no gnuplot");
    /// Configuration of logback.
    logback_config: String = "", "tsd.logback.config", java_unset ignored("see tsd.log.level");
    /// Log to the console as well.
    logback_console: String = "", "tsd.logback.console", java_unset ignored("the log goes to standard error");
    /// File to log to.
    logback_file: String = "", "tsd.logback.file", java_unset ignored("the log goes to standard error");
    /// Names of old log files.
    logback_rollpattern: String = "", "tsd.logback.rollpattern", java_unset ignored("the log goes to standard error");
    /// In OpenTSDB's fat jar: do not unpack the web interface.
    ui_noexport: bool = false, "tsd.ui.noexport", java_unset ignored("nothing is unpacked");
}
