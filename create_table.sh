#!/usr/bin/env bash
# Makes OpenTSDB's four tables, those of rollups, and the one of screens and workers, in the shell of a real HBase.
# Run it once, on a host with HBase:
#
#   HBASE_HOME=/opt/hbase ./create_table.sh
#   HBASE_HOME=/opt/hbase COMPRESSION=SNAPPY SALT_WIDTH=1 SALT_BUCKETS=20 ./create_table.sh
#
# Environment:
#   HBASE_HOME            where HBase is installed; or HBASE_SHELL, a command that reads shell commands (`hbase shell -n`)
#   TSDB_TABLE UID_TABLE TREE_TABLE META_TABLE   names (tsdb, tsdb-uid, tsdb-tree, tsdb-meta)
#   WORKER_TABLE          the table of screens and workers, which OpenTSDB does not have (that of the points, and -worker)
#   ROLLUP_TABLES         more tables of points, those that tsd.rollups.config names, as in "tsdb-1h tsdb-1h-agg" (none)
#   COMPRESSION           NONE LZO GZ SNAPPY LZ4 ZSTD (GZ, which every region server has; LZO needs its library there)
#   BLOOMFILTER           ROW ROWCOL NONE (ROW)
#   DATA_BLOCK_ENCODING   NONE PREFIX DIFF FAST_DIFF ROW_INDEX_V1 (DIFF: row keys differ little from each other)
#   TTL                   seconds that points are kept, or FOREVER (FOREVER); UIDs, trees and metadata stay
#   SALT_WIDTH            tsd.storage.salt.width (0): with 1 or more the data table begins with a region for each bucket
#   SALT_BUCKETS          tsd.storage.salt.buckets (20)
#   SPLITS                without salt: first bytes of row keys, in hex, to split the data table at, as in "000100 000200"
#   DRY_RUN               with any value: print the commands and do nothing
#
# Tables that exist are left as they are.
set -euo pipefail

fail() {
  echo "create_table.sh: $*" >&2
  exit 1
}

one_of() { # one_of NAME VALUE ALLOWED...
  local name=$1 value=$2
  shift 2
  [[ " $* " == *" $value "* ]] || fail "$name=$value: must be one of $*"
}

number() { # number NAME VALUE LEAST MOST
  if ! { [[ $2 =~ ^[0-9]{1,10}$ ]] && ((10#$2 >= $3 && 10#$2 <= $4)); }; then fail "$1=$2: must be a number from $3 to $4"; fi
}

compression=${COMPRESSION:-GZ}
compression=${compression^^}
[[ $compression == GZIP ]] && compression=GZ # what OpenTSDB's script calls it
bloom=${BLOOMFILTER:-ROW}
encoding=${DATA_BLOCK_ENCODING:-DIFF}
ttl=${TTL:-${TSDB_TTL:-FOREVER}}
salt_width=${SALT_WIDTH:-0}
salt_buckets=${SALT_BUCKETS:-20}
data=${TSDB_TABLE:-tsdb} uid=${UID_TABLE:-tsdb-uid} tree=${TREE_TABLE:-tsdb-tree} meta=${META_TABLE:-tsdb-meta}
worker=${WORKER_TABLE:-$data-worker}
read -ra rollups <<<"${ROLLUP_TABLES:-}"

one_of COMPRESSION "$compression" NONE LZO GZ SNAPPY LZ4 ZSTD
one_of BLOOMFILTER "${bloom^^}" ROW ROWCOL NONE
one_of DATA_BLOCK_ENCODING "${encoding^^}" NONE PREFIX DIFF FAST_DIFF ROW_INDEX_V1
[[ ${ttl^^} == FOREVER ]] || number TTL "$ttl" 1 2147483646
number SALT_WIDTH "$salt_width" 0 8
number SALT_BUCKETS "$salt_buckets" 1 65535
for name in "$data" "$uid" "$tree" "$meta" "$worker" "${rollups[@]}"; do
  [[ $name =~ ^[A-Za-z0-9_][A-Za-z0-9_.:-]*$ ]] || fail "$name cannot be the name of a table"
done

splits() { # the data table's first regions, as Ruby strings of binary bytes
  local keys=() bucket hex
  if ((salt_width > 0)); then
    ((salt_width > 1 || salt_buckets <= 256)) || fail "SALT_BUCKETS=$salt_buckets does not fit SALT_WIDTH=1"
    # Bucket 0 is the region before the first split.
    for ((bucket = 1; bucket < salt_buckets; bucket++)); do
      printf -v hex '%0*x' $((salt_width * 2)) "$bucket"
      keys+=("$hex")
    done
  else
    for hex in ${SPLITS:-}; do
      [[ $hex =~ ^([0-9A-Fa-f]{2})+$ ]] || fail "SPLITS: $hex is no hex number of whole bytes"
      keys+=("$hex")
    done
  fi
  ((${#keys[@]})) || return 0
  printf ', SPLITS => ['
  local comma='' key
  for key in "${keys[@]}"; do
    # shellcheck disable=SC2001 # a pattern of the shell's own cannot put what it found into the new text
    printf '%s"%s"' "$comma" "$(sed 's/../\\x&/g' <<<"$key")"
    comma=', '
  done
  printf ']'
}

family() { # family NAME [OPTION...]
  local name=$1
  shift
  echo "{NAME => '$name', COMPRESSION => '$compression', BLOOMFILTER => '${bloom^^}', DATA_BLOCK_ENCODING => '${encoding^^}'$*}"
}

create() { # create TABLE FAMILIES: unless it is there
  echo "if exists('$1') then puts '$1 exists already' else create '$1', $2 end"
}

commands() {
  local forever=''
  [[ ${ttl^^} == FOREVER ]] || forever=", TTL => $((10#$ttl))"
  create "$uid" "$(family id), $(family name)"
  local name
  for name in "$data" "${rollups[@]}"; do
    create "$name" "$(family t ', VERSIONS => 1' "$forever")$data_splits"
  done
  create "$tree" "$(family t ', VERSIONS => 1')"
  create "$meta" "$(family name)"
  create "$worker" "$(family t ', VERSIONS => 1')"
}

data_splits=$(splits)
if [[ -n ${DRY_RUN:-} ]]; then
  commands
  exit
fi
if [[ -n ${HBASE_SHELL:-} ]]; then
  shell=$HBASE_SHELL
elif [[ -n ${HBASE_HOME:-} ]]; then
  [[ -x $HBASE_HOME/bin/hbase ]] || fail "HBASE_HOME=$HBASE_HOME has no bin/hbase"
  shell="$HBASE_HOME/bin/hbase shell -n"
  unset HBASE_HOME # HBase's own scripts mean something else by it
else
  fail "set HBASE_HOME to where HBase is installed, or HBASE_SHELL to a command that reads shell commands"
fi
# shellcheck disable=SC2086
commands | $shell
