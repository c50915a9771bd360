//! Every command once: name, flags, usage text and what runs it. Help, completions and man pages come from here.
//!
//! Usage texts of OpenTSDB's commands are what its users see today (recorded cases `cli/misc`, `cli/uid`); flags and
//! commands of our own stand in `tsdb help COMMAND`.

use super::argp::{Effect, Flag};
use super::{Call, Failure, bench, check, clean_cache, copy, export, extra, fsck, import, query, scan, search, tables, tsd, uid, worker};

/// A command.
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// True for OpenTSDB's: `--help` is then no flag, unless OpenTSDB has it.
    pub java: bool,
    /// What stands between the complaint and the flags of a usage text.
    pub usage: &'static str,
    /// What stands behind the flags.
    pub after: &'static str,
    /// Its flags, in groups.
    pub flags: &'static [&'static [Flag]],
    /// What its first word may be, each with a line about it; empty where that is any name or path.
    pub words: &'static [(&'static str, &'static str)],
    /// Runs it.
    pub run: fn(&Call) -> Result<(), Failure>,
}

impl Command {
    /// Its flags in one list.
    pub fn flags(&self) -> Vec<Flag> {
        self.flags.iter().flat_map(|group| group.iter().copied()).collect()
    }
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

const fn java(name: &'static str, meta: &'static str, effect: Effect, help: &'static str) -> Flag {
    Flag { name, meta: if meta.is_empty() { None } else { Some(meta) }, help, effect, java: true }
}

const fn ours(name: &'static str, meta: &'static str, effect: Effect, help: &'static str) -> Flag {
    Flag { name, meta: if meta.is_empty() { None } else { Some(meta) }, help, effect, java: false }
}

const COMMON: &[Flag] = &[
    java(
        "--table",
        "TABLE",
        Effect::Key("tsd.storage.hbase.data_table"),
        "Name of the HBase table where to store the time series (default: tsdb).",
    ),
    java(
        "--uidtable",
        "TABLE",
        Effect::Key("tsd.storage.hbase.uid_table"),
        "Name of the HBase table to use for Unique IDs (default: tsdb-uid).",
    ),
    java(
        "--zkquorum",
        "SPEC",
        Effect::Key("tsd.storage.hbase.zk_quorum"),
        "Specification of the ZooKeeper quorum to use (default: localhost).",
    ),
    java(
        "--zkbasedir",
        "PATH",
        Effect::Key("tsd.storage.hbase.zk_basedir"),
        "Path under which is the znode for the -ROOT- region (default: /hbase).",
    ),
    java("--config", "PATH", Effect::Own, "Path to a configuration file (default: Searches for file see docs)."),
    ours("--thrift", "HOST:PORT,...", Effect::Key("tsd.storage.hbase.thrift"), "Thrift gateways of HBase (default: the embedded store)."),
];

const BENCH: &[Flag] = &[
    ours("--addr", "HOST:PORT", Effect::Own, "The TSD to load (default: 127.0.0.1:4242)."),
    ours("--http", "", Effect::Own, "put: use POST /api/put instead of telnet."),
    ours("--hosts", "N", Effect::Own, "Values of the tag host: h0 and so on (default: 100)."),
    ours("--metrics", "N", Effect::Own, "put: metrics (default: 10)."),
    ours("--points", "N", Effect::Own, "put: points of each series (default: 1000)."),
    ours("--batch", "N", Effect::Own, "put: points of one write or request (default: 500)."),
    ours("--conns", "N", Effect::Own, "put: connections (default: 2)."),
    ours("--prefix", "NAME", Effect::Own, "put: first part of the metric names (default: bench)."),
    ours("--step", "SECONDS", Effect::Own, "put: time between points (default: 10)."),
    ours("--start", "TIME", Effect::Own, "put: time of the first point, in seconds (default: 1700000000)."),
    ours("--count", "N", Effect::Own, "query: how often to ask; %HOST% in PATH is another host each time (default: 10)."),
];

const VERBOSE: &[Flag] = &[
    java("--verbose", "", Effect::Own, "Print more logging messages and not just errors."),
    java("-v", "", Effect::Own, "Short for --verbose."),
];

const QUIET_TOOL: &[Flag] =
    &[ours("--verbose", "", Effect::Own, "Log more than warnings."), ours("-v", "", Effect::Own, "Short for --verbose.")];

const AUTO_METRIC: &[Flag] = &[java(
    "--auto-metric",
    "",
    Effect::Fixed("tsd.core.auto_create_metrics", "true"),
    "Automatically add metrics to tsdb as they are inserted.  Warning: this may cause unexpected metrics to be tracked",
)];

const HELP: &[Flag] = &[ours("--help", "", Effect::Own, "Print this help.")];

const TSD: &[Flag] = &[
    java("--port", "NUM", Effect::Key("tsd.network.port"), "TCP port to listen on."),
    java("--bind", "ADDR", Effect::Key("tsd.network.bind"), "Address to bind to (default: 0.0.0.0)."),
    java("--staticroot", "PATH", Effect::Key("tsd.http.staticroot"), "Web root from which to serve static files (/s URLs)."),
    java("--cachedir", "PATH", Effect::Key("tsd.http.cachedir"), "Directory under which to cache result of requests."),
    java("--worker-threads", "NUM", Effect::Key("tsd.network.worker_threads"), "Number for async io workers (default: cpu * 2)."),
    java("--async-io", "true|false", Effect::Key("tsd.network.async_io"), "Use async NIO (default true) or traditional blocking io"),
    java("--read-only", "true|false", Effect::Either("tsd.mode", "ro", "rw"), "Set tsd.mode to ro (default false)"),
    java(
        "--disable-ui",
        "true|false",
        Effect::Either("tsd.core.enable_ui", "false", "true"),
        "Set tsd.core.enable_ui to false (default true)",
    ),
    java(
        "--disable-api",
        "true|false",
        Effect::Either("tsd.core.enable_api", "false", "true"),
        "Set tsd.core.enable_api to false (default true)",
    ),
    java("--backlog", "NUM", Effect::Key("tsd.network.backlog"), "Size of connection attempt queue (default: 3072 or kernel somaxconn."),
    java("--max-connections", "NUM", Effect::Key("tsd.core.connections.limit"), "Maximum number of connections to accept"),
    java(
        "--flush-interval",
        "MSEC",
        Effect::Key("tsd.storage.flush_interval"),
        "Maximum time for which a new data point can be buffered (default: 1000).",
    ),
    java("--statswport", "", Effect::Fixed("tsd.core.stats_with_port", "true"), "Force all stats to include the port"),
    ours("--mode", "rw|ro|wo", Effect::Key("tsd.mode"), "Answer queries and take points, or only one of them."),
    ours("--use-otsdb-ts", "", Effect::Fixed("tsd.storage.use_otsdb_timestamp", "true"), "Give cells the time of their point."),
    ours(
        "--dtc-ts",
        "SECONDS",
        Effect::Key("tsd.storage.get_date_tiered_compaction_start"),
        "Since when cells carry the time of their point.",
    ),
    ours("--worker", "", Effect::Fixed("tsd.worker.enable", "true"), "Run a worker inside: rules, detectors, notices."),
    ours("--rules", "PATH", Effect::Key("tsd.worker.rules"), "Rules of that worker: a file, or a folder of .toml files."),
    ours("--pid-file", "PATH", Effect::Key("tsd.process.pid.file"), "Write the process id to this file."),
    ours("--verbose", "", Effect::Fixed("tsd.log.level", "debug"), "Log more."),
    ours("-v", "", Effect::Fixed("tsd.log.level", "debug"), "Short for --verbose."),
];

const UID: &[Flag] = &[
    java("--idwidth", "N", Effect::Own, "Number of bytes on which the UniqueId is encoded."),
    java("--ignore-case", "", Effect::Own, "Ignore case distinctions when matching a regexp."),
    java("-i", "", Effect::Own, "Short for --ignore-case."),
];

const QUERY: &[Flag] = &[
    java(
        "--graph",
        "BASEPATH",
        Effect::Own,
        "Output data points to a set of files for gnuplot.  The path of the output files will start with BASEPATH.",
    ),
    ours(
        "--plot",
        "",
        Effect::Own,
        "A quick look: the points as lines in the terminal. With --graph=NAME the picture goes to NAME.png, or to NAME.svg if asked for.",
    ),
];

const IMPORT: &[Flag] = &[
    java("--skip-errors", "", Effect::Own, "Whether or not to skip exceptions during processing"),
    ours("--from-line", "N", Effect::Own, "Begin with line N of the first file: where an import that broke off said to go on."),
    ours("--cells", "single|packed", Effect::Key("tsd.storage.cells"), "How points become cells (default: packed)."),
];

const EXPORT: &[Flag] = &[
    ours("--start", "DATE", Effect::Own, "Only points at or after this date."),
    ours("--end", "DATE", Effect::Own, "Only points at or before this date."),
];

const COPY: &[Flag] = &[
    ours("--to-config", "PATH", Effect::Own, "Configuration file of the target."),
    ours("--to-embedded", "PATH", Effect::Own, "The target is the embedded store in this folder."),
    ours("--to-hbase", "HOST:PORT,...", Effect::Own, "The target is HBase behind these Thrift gateways."),
    ours("--from-table", "TABLE", Effect::Own, "Begin with this table: where a copy that broke off said to go on."),
    ours("--from-row", "HEX", Effect::Own, "Begin with this row of that table."),
];

const TABLES: &[Flag] = &[
    ours("--compression", "CODEC", Effect::Own, "NONE, GZ, SNAPPY, LZO, LZ4, ZSTD or BZIP2 (default: $COMPRESSION, else GZ)."),
    ours("--bloomfilter", "TYPE", Effect::Own, "ROW, ROWCOL or NONE (default: $BLOOMFILTER, else ROW)."),
    ours("--ttl", "SECONDS", Effect::Own, "Points vanish after so many seconds (default: $TSDB_TTL, else FOREVER)."),
    ours("--salt", "BUCKETS", Effect::Own, "Split the table of points for so many salts (default: $SALT, else by tsd.storage.salt.*)."),
];

const FSCK: &[Flag] = &[
    java("--compact", "", Effect::Own, "Compacts rows after parsing."),
    java("--delete-bad-compacts", "", Effect::Own, "Delete compacted columns that cannot be parsed."),
    java("--delete-bad-rows", "", Effect::Own, "Delete rows with invalid keys."),
    java("--delete-bad-values", "", Effect::Own, "Delete single column datapoints with bad values."),
    java("--delete-orphans", "", Effect::Own, "Delete any time series rows where one or more UIDs fail resolution."),
    java("--delete-unknown-columns", "", Effect::Own, "Delete any unrecognized column that doesn't belong to OpenTSDB."),
    java("--fix", "", Effect::Own, "Fix errors as they're found. Use in combination with other flags."),
    java("--fix-all", "", Effect::Own, "Set all flags and fix errors as they're found."),
    java("--full-scan", "", Effect::Own, "Scan the entire data table."),
    java("--help", "", Effect::Own, "Print help information."),
    java(
        "--last-write-wins",
        "",
        Effect::Own,
        "Last data point written will be kept when fixing duplicates.\n            May be set via config file and the 'tsd.storage.fix_duplicates' option.",
    ),
    java("--resolve-duplicates", "", Effect::Own, "Keeps the oldest (default) or newest duplicates. See --last-write-wins"),
    java("--sync", "", Effect::Own, "Wait for each fix operation to finish to continue."),
    java("--threads", "NUMBER", Effect::Own, "Number of threads to use when executing a full table scan."),
];

const CHECK: &[Flag] = &[
    ours("-H", "HOST", Effect::Own, "Short for --host."),
    ours("--host", "HOST", Effect::Own, "Host of the TSD (default: localhost)."),
    ours("-p", "PORT", Effect::Own, "Short for --port."),
    ours("--port", "PORT", Effect::Own, "Port of the TSD (default: 4242; of check_tsd: 80)."),
    ours("-m", "METRIC", Effect::Own, "Short for --metric."),
    ours("--metric", "METRIC", Effect::Own, "Metric to query."),
    ours("-t", "TAG", Effect::Own, "Short for --tag."),
    ours("--tag", "TAG", Effect::Own, "Tag to filter the metric on, host=web01; may be given several times."),
    ours("-d", "SECONDS", Effect::Own, "Short for --duration."),
    ours("--duration", "SECONDS", Effect::Own, "How far back to look for points (default: 600)."),
    ours("-D", "METHOD", Effect::Own, "Short for --downsample."),
    ours("--downsample", "METHOD", Effect::Own, "Function to downsample by: avg, min, sum, max, ... (default: none)."),
    ours("-W", "SECONDS", Effect::Own, "Short for --downsample-window."),
    ours("--downsample-window", "SECONDS", Effect::Own, "Window over which to downsample (default: 60)."),
    ours("-F", "POLICY", Effect::Own, "Short for --downsample-fill-policy."),
    ours("--downsample-fill-policy", "POLICY", Effect::Own, "none, nan, null or zero (default: none)."),
    ours("-a", "METHOD", Effect::Own, "Short for --aggregator."),
    ours("--aggregator", "METHOD", Effect::Own, "Aggregation: avg, min, sum, max, ... (default: sum)."),
    ours("-x", "METHOD", Effect::Own, "Short for --method."),
    ours("--method", "METHOD", Effect::Own, "Comparison: gt, ge, lt, le, eq, ne (default: gt)."),
    ours("-r", "", Effect::Own, "Short for --rate."),
    ours("--rate", "", Effect::Own, "Compare rates."),
    ours("-w", "THRESHOLD", Effect::Own, "Short for --warning."),
    ours("--warning", "THRESHOLD", Effect::Own, "Threshold for a warning (default: the critical one)."),
    ours("-c", "THRESHOLD", Effect::Own, "Short for --critical."),
    ours("--critical", "THRESHOLD", Effect::Own, "Threshold for a critical answer (default: that of the warning)."),
    ours("-v", "", Effect::Own, "Short for --verbose."),
    ours("--verbose", "", Effect::Own, "Print every point."),
    ours("-T", "SECONDS", Effect::Own, "Short for --timeout."),
    ours("--timeout", "SECONDS", Effect::Own, "How long to wait for the answer (default: 10)."),
    ours("-E", "", Effect::Own, "Short for --no-result-ok."),
    ours("--no-result-ok", "", Effect::Own, "No points are fine."),
    ours("-I", "SECONDS", Effect::Own, "Short for --ignore-recent."),
    ours("--ignore-recent", "SECONDS", Effect::Own, "Ignore points that are so recent (default: 0)."),
    ours("-P", "PERCENT", Effect::Own, "Short for --percent-over."),
    ours(
        "--percent-over",
        "PERCENT",
        Effect::Own,
        "Only alarm if more than so many percent of the points violate the threshold (default: 0).",
    ),
    ours("-N", "UTC", Effect::Own, "Short for --now."),
    ours("--now", "UTC", Effect::Own, "Seconds that stand for now, to try it out."),
    ours("-B", "PERCENT", Effect::Own, "Short for --bad_percent."),
    ours("--bad_percent", "PERCENT", Effect::Own, "Accepted and without effect, as in check_tsd."),
    ours("-S", "", Effect::Own, "Short for --ssl."),
    ours("--ssl", "", Effect::Own, "Ask by HTTPS: the TSD is behind a proxy that speaks TLS."),
    ours("--ca-file", "FILE", Effect::Own, "With --ssl: certificates to trust, as PEM (default: $SSL_CERT_FILE, else the system's)."),
];

const WORKER: &[Flag] = &[
    ours("--tsd", "URL", Effect::Key("tsd.worker.url"), "Work on a TSD over HTTP: ours or an OpenTSDB (default: the tables themselves)."),
    ours("--rules", "PATH", Effect::Key("tsd.worker.rules"), "A file of rules, or a folder of .toml files."),
    ours("--path", "PATH", Effect::Key("tsd.worker.path"), "Folder of the worker's own (default: tsdb-worker)."),
    ours("--interval", "SECONDS", Effect::Key("tsd.worker.interval"), "Seconds of a round (default: 60)."),
    ours("--metrics", "PATTERNS", Effect::Key("tsd.worker.detect.metrics"), "Metrics that the detectors look at: 'sys.*,!sys.disk.*'."),
    ours("--at", "TIME", Effect::Own, "test: replay up to this time (default: now)."),
    ours("--start", "TIME", Effect::Own, "test, backfill: begin here (default: an hour, a day before the end)."),
    ours("--end", "TIME", Effect::Own, "test, backfill: end here (default: now)."),
    ours("--dead-letters", "FILE", Effect::Own, "resend: messages that nobody took (default: dead-letters.jsonl of the worker's folder)."),
    ours("--to", "CHANNEL", Effect::Own, "resend: send to this channel (default: the one that each message was for)."),
];

const CLEAN: &[Flag] = &[
    ours("--cachedir", "PATH", Effect::Key("tsd.http.cachedir"), "The folder (default: tsd.http.cachedir)."),
    ours("--percent", "N", Effect::Own, "Only when so many percent of the disk are in use; 0: always (default: 90)."),
    ours("--dry-run", "", Effect::Own, "Remove nothing, tell only."),
];

const SCAN: &[Flag] = &[
    java("--delete", "", Effect::Own, "Deletes rows as they are scanned."),
    java("--import", "", Effect::Own, "Prints the rows in a format suitable for the 'import' command."),
];

const SEARCH: &[Flag] = &[java("--use-data-table", "", Effect::Own, "Scan against the raw data table instead of the meta data table.")];

const UID_USAGE: &str = "Usage: uid <subcommand> args
Sub commands:
  grep [kind] <RE>: Finds matching IDs.
  assign <kind> <name> [names]: Assign an ID for the given name(s).
  rename <kind> <name> <newname>: Renames this UID.
  delete <kind> <name>: Deletes this UID.
  fsck: [fix] [delete_unknown] Checks the consistency of UIDs.
        fix            - Fix errors. By default errors are logged.
        delete_unknown - Remove columns with unknown qualifiers.
                         The \"fix\" flag must be supplied as well.

  [kind] <name>: Lookup the ID of this name.
  [kind] <ID>: Lookup the name of this ID.
  metasync: Generates missing TSUID and UID meta entries, updates
            created timestamps
  metapurge: Removes meta data entries from the UID table
  treesync: Process all timeseries meta objects through tree rules
  treepurge <id> [definition]: Purge a tree and/or the branches
            from storage. Provide an integer Tree ID and optionally
            add \"true\" to delete the tree definition

Example values for [kind]: metrics, tagk (tag name), tagv (tag value).
";

const QUERY_USAGE: &str = "Usage: query [Gnuplot opts] START-DATE [END-DATE] <query> [queries...]
A query has the form:
  FUNC [rate] [counter,max,reset] [downsample N FUNC] SERIES [TAGS]
For example:
 2010/03/11-20:57 sum my.awsum.metric host=blah sum some.other.metric host=blah state=foo
Dates must follow this format: YYYY/MM/DD-HH:MM[:SS] or Unix Epoch
 or relative time such as 1y-ago, 2d-ago, etc.
Supported values for FUNC: [mult, p90, zimsum, mimmax, sum, p50, none, p95, ep99r7, pfsum, p75, p99, ep99r3, ep95r7, min, avg, ep75r7, dev, ep95r3, ep75r3, ep50r7, ep90r7, mimmin, p999, ep50r3, ep90r3, ep999r7, last, max, count, diff, median, squareSum, ep999r3, first]
Gnuplot options are of the form: +option=value
";

const SCAN_USAGE: &str = "Usage: scan [--delete|--import] START-DATE [END-DATE] query [queries...]
To see the format in which queries should be written, see the help of the 'query' command.
The --import flag changes the format in which the output is printed to use a format suiteable for the 'import' command instead of the default output format, which better represents how the data is stored in HBase.
The --delete flag will delete every row matched by the query.  This flag implies --import.
";

const FSCK_USAGE: &str =
    "Usage: fsck [flags] [START-DATE [END-DATE] query [queries...]] \nScans the OpenTSDB data table for errors. Use the --full-scan flag
to scan the entire data table or specify a command line query to scan a subset.
To see the format in which queries should be written, see the help of the 'query' command.
The --fix or --fix-all flags will attempt to fix errors, but be careful when using them.

";

const SEARCH_USAGE: &str = "Usage: search <subcommand> args
Sub commands:
  lookup <query>: Retreives a list of time series with the given
                  metric, tagk, tagv or any combination thereof.

";

const UID_WORDS: &[(&str, &str)] = &[
    ("grep", "Find names by a regular expression."),
    ("assign", "Give names of a kind their ids."),
    ("rename", "Give an id another name."),
    ("delete", "Delete a name and its id."),
    ("fsck", "Check names and ids; fix, delete_unknown: repair them."),
    ("metrics", "The id of a metric, or the metric of an id."),
    ("tagk", "The id of a tag name, or the tag name of an id."),
    ("tagv", "The id of a tag value, or the tag value of an id."),
    ("metasync", "Make the meta data of all series that have points."),
    ("metapurge", "Delete all meta data."),
    ("treesync", "Sort all series with meta data into the trees."),
    ("treepurge", "Delete what was built of a tree; true: the tree, too."),
];

const WORKER_WORDS: &[(&str, &str)] = &[
    ("check", "Say what is wrong in files of rules."),
    ("test", "Replay a rule over stored points."),
    ("backfill", "Let the detectors look at past times."),
    ("resend", "Send messages that nobody took once more."),
    ("test-channel", "Send a message that says that nothing is wrong."),
];

const BENCH_WORDS: &[(&str, &str)] = &[("put", "Send points."), ("query", "Ask for a path.")];

const SEARCH_WORDS: &[(&str, &str)] = &[("lookup", "List the series of a metric and tags.")];

const SHELLS: &[(&str, &str)] =
    &[("bash", "GNU Bash."), ("elvish", "Elvish."), ("fish", "Fish."), ("powershell", "PowerShell."), ("zsh", "Z shell.")];

const PAGES: &[(&str, &str)] = &[("configuration", "All settings, as docs/CONFIGURATION.md.")];

/// All commands, in the order of the help.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "tsd",
        about: "Start the time series daemon",
        java: false,
        usage: "Usage: tsd --port=PORT --staticroot=PATH --cachedir=PATH\nStarts the TSD, the Time Series Daemon\n",
        after: "",
        // No HELP: as with OpenTSDB's, a script that asks for it is told by the exit code that nothing was started.
        flags: &[COMMON, TSD, AUTO_METRIC],
        words: &[],
        run: tsd::run,
    },
    Command {
        name: "worker",
        about: "Look at stored series and tell people what is wrong",
        java: false,
        usage: "Usage: worker [--rules=PATH] [--metrics=PATTERNS] [--tsd=URL]\n       worker check [PATH ...]\n       worker test RULE [--at=TIME] [--start=TIME]\n       worker backfill [--start=TIME] [--end=TIME]\n       worker resend [CHANNEL ...] [--to=CHANNEL] [--dead-letters=FILE]\n       worker test-channel CHANNEL ...\nWorks until it is told to stop; check reads rule files, test replays a rule over stored points, backfill lets the\ndetectors look at past times, resend sends messages that nobody took once more (all, or those of some channels) with\ntheir old ids, test-channel sends a message that says that nothing is wrong. On the embedded store use `tsd --worker`, or --tsd beside a running TSD.\n",
        after: "",
        flags: &[COMMON, WORKER, QUIET_TOOL, HELP],
        words: WORKER_WORDS,
        run: worker::run,
    },
    Command {
        name: "query",
        about: "Print the points that queries give",
        java: true,
        usage: QUERY_USAGE,
        after: "",
        flags: &[COMMON, VERBOSE, QUERY],
        words: &[],
        run: query::run,
    },
    Command {
        name: "import",
        about: "Store points from files of lines `metric time value tag=value ...`",
        java: true,
        usage: "Usage: import path [more paths]\n",
        after: "This tool can directly read gzip'ed input files.\n",
        flags: &[COMMON, AUTO_METRIC, IMPORT, QUIET_TOOL],
        words: &[],
        run: import::run,
    },
    Command {
        name: "export",
        about: "Print stored points as lines that import reads",
        java: false,
        usage: "Usage: export [--start=DATE] [--end=DATE] [METRIC [TAG=VALUE ...]] ...\nWithout a metric, all of them. Dates are those of the 'query' command.\n",
        after: "",
        flags: &[COMMON, EXPORT, QUIET_TOOL, HELP],
        words: &[],
        run: export::run,
    },
    Command {
        name: "mkmetric",
        about: "Give metrics an id: `uid assign metrics`",
        java: true,
        usage: UID_USAGE,
        after: "",
        flags: &[COMMON, VERBOSE, UID],
        words: &[],
        run: uid::mkmetric,
    },
    Command {
        name: "uid",
        about: "Find, assign, rename and delete names and their ids",
        java: true,
        usage: UID_USAGE,
        after: "",
        flags: &[COMMON, VERBOSE, UID],
        words: UID_WORDS,
        run: uid::run,
    },
    Command {
        name: "copy",
        about: "Copy all tables, raw, between HBase and the embedded store",
        java: false,
        usage: "Usage: copy --to-embedded=FOLDER | --to-hbase=HOST:PORT,... | --to-config=FILE\nCopies the tables from the store of the configuration to another one. They keep their names: whoever reads the copy needs\nthe same tsd.storage.hbase.*_table.\n",
        after: "",
        flags: &[COMMON, COPY, QUIET_TOOL, HELP],
        words: &[],
        run: copy::run,
    },
    Command {
        name: "create-tables",
        about: "Create the tables of the configuration in HBase",
        java: false,
        usage: "Usage: create-tables\nCreates those tables that do not exist, as create_table.sh does: OpenTSDB's four, those of rollups,\nand the one of screens and workers.\n",
        after: "",
        flags: &[COMMON, TABLES, QUIET_TOOL, HELP],
        words: &[],
        run: tables::run,
    },
    Command {
        name: "bench",
        about: "Load a running TSD with points or queries and print the rate",
        java: false,
        usage: "Usage: bench put | bench query PATH\nThe rate of put counts until the points are on disk: each connection ends with `version`.\n",
        after: "",
        flags: &[BENCH, HELP],
        words: BENCH_WORDS,
        run: bench::run,
    },
    Command {
        name: "scan",
        about: "Print raw rows, or delete them",
        java: true,
        usage: SCAN_USAGE,
        after: "",
        flags: &[COMMON, SCAN],
        words: &[],
        run: scan::run,
    },
    Command {
        name: "fsck",
        about: "Check and repair the table of points",
        java: true,
        usage: FSCK_USAGE,
        after: "",
        flags: &[COMMON, FSCK],
        words: &[],
        run: fsck::run,
    },
    Command {
        name: "check",
        about: "Compare the last points of a metric with thresholds, for Nagios",
        java: false,
        usage: "Usage: check -m METRIC [-t TAG=VALUE ...] [-x METHOD] -w THRESHOLD -c THRESHOLD [options]\nExit codes: 0 fine, 1 warning, 2 critical, 3 used wrongly.\n",
        after: "",
        flags: &[CHECK, HELP],
        words: &[],
        run: check::run,
    },
    Command {
        name: "clean-cache",
        about: "Empty the cache folder of a TSD when its disk is nearly full",
        java: false,
        usage: "Usage: clean-cache --cachedir=PATH [--percent=N] [--dry-run]\nRemoves every file in the folder and its folders once so much of the disk is in use.\n",
        after: "",
        flags: &[COMMON, CLEAN, QUIET_TOOL, HELP],
        words: &[],
        run: clean_cache::run,
    },
    Command {
        name: "search",
        about: "List series by metric and tags",
        java: true,
        usage: SEARCH_USAGE,
        after: "",
        flags: &[COMMON, SEARCH],
        words: SEARCH_WORDS,
        run: search::run,
    },
    Command {
        name: "version",
        about: "Print the version",
        java: true,
        usage: "Usage: version\n",
        after: "",
        flags: &[],
        words: &[],
        run: extra::version,
    },
    Command {
        name: "help",
        about: "Print help: help, help COMMAND, help config",
        java: false,
        usage: "Usage: help [COMMAND | config]\n",
        after: "",
        flags: &[HELP],
        words: &[],
        run: extra::help,
    },
    Command {
        name: "completions",
        about: "Print a completion script for a shell",
        java: false,
        usage: "Usage: completions bash|elvish|fish|powershell|zsh\n",
        after: "",
        flags: &[HELP],
        words: SHELLS,
        run: extra::completions,
    },
    Command {
        name: "man",
        about: "Print the manual page of tsdb or of a command",
        java: false,
        usage: "Usage: man [COMMAND]\n",
        after: "",
        flags: &[HELP],
        words: &[],
        run: extra::man,
    },
    Command {
        name: "docs",
        about: "Print pages of the documentation that come from the source",
        java: false,
        usage: "Usage: docs configuration\n",
        after: "",
        flags: &[HELP],
        words: PAGES,
        run: extra::docs,
    },
];
