//! Keys, qualifiers, cells and merges, a line a case.

use super::*;
use crate::point::{Number, PointTime, Value};

fn hex(text: &str) -> Vec<u8> {
    from_hex(text).unwrap()
}

/// Decodes cells `qualifier value time` of a row at base 0 and shows points and damage.
fn check_options(cells: &[(&str, &str, i64)], options: &DecodeOptions, want: &str) {
    let bytes: Vec<_> = cells.iter().map(|(q, v, t)| (hex(q), hex(v), *t)).collect();
    let cells = || bytes.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t });
    let mut out = Points::default();
    let report = decode_row(&[0xAB], 0, cells, options, &mut out);
    let mut got: Vec<String> = out.times.iter().zip(&out.values).map(|(t, v)| format!("{t}={v:?}")).collect();
    got.extend(report.errors.iter().map(|e| format!("{} {:?}", e.qualifier, e.fault)));
    got.extend((report.other_duplicates > 0).then(|| format!("{} duplicates", report.other_duplicates)));
    assert_eq!(got.join(" ").replace("Int(", "").replace("Float(", "f").replace(')', ""), want);
}

fn check(cells: &[(&str, &str, i64)], want: &str) {
    check_options(cells, &DecodeOptions::default(), want);
}

#[test]
fn sound_cells() {
    check(&[("0000", "05", 1), ("0011", "0100", 1)], "0=5 1000=256");
    check(&[("f0000040", "05", 1), ("f0007d0b", "3fc00000", 1)], "1=5 500=f1.5");
    check(&[("00000010f0000c40", "01020301", 1)], "0=1 49=3 1000=2"); // out of order inside: put in order
    check(&[("00000010", "010200", 1), ("0020", "03", 1)], "0=1 1000=2 2000=3");
    check(&[("050000", "001001000002001003", 1)], "0=2 1000=3"); // second 1 = 1, second 0 = 2, second 1 = 3
    check(&[("0000", "01", 1), ("010000", "7b7d", 1), ("060000", "2a", 1), ("030000", "00", 1)], "0=1");
    // Seconds and milliseconds mixed: not in the order of their columns.
    check(&[("0010", "02", 1), ("f0000040", "01", 1), ("f0010000", "04", 1)], "1=1 1000=2 1024=4");
}

#[test]
fn old_mistakes() {
    check(&[("000b", "000000003fc00000", 1)], "0=f1.5"); // 8 bytes that say 4
    check(&[("000f", "3fc00000", 1)], "0=f1.5"); // 4 bytes that say 8
    check(&[("0007", "05", 1)], "0=5"); // the length counts, not the flags
    check(&[("000b", "010000003fc00000", 1)], "000B OldFloat");
    check(&[("000f", "3ff8000000000000", 1)], "0=f1.5");
}

#[test]
fn damage() {
    check(&[("0000", "", 1), ("0010", "01", 1)], "1000=1 0000 Length");
    check(&[("0002", "010203", 1)], "0002 Length");
    check(&[("f0000003", "010203", 1)], "F0000003 ValueCut");
    check(&[("00000011", "0101", 1)], "00000011 ValueCut");
    check(&[("0000f000", "0101", 1)], "0000F000 QualifierCut");
    check(&[("00000010", "01020300", 1)], "0=1 1000=2 00000010 Uneven"); // read on by OpenTSDB
    check(&[("00000010", "01", 1)], "0=1 00000010 Uneven");
    check(&[("", "01", 1)], " QualifierCut");
    check(&[("", "", 1)], " QualifierCut");
    check(&[("05000000", "01", 1)], "80000=1 05000000 Uneven"); // even: two points
    check(&[("0500000000", "000001", 1)], "0500000000 QualifierCut");
    check(&[("050000", "000001001001ff", 1)], "050000 ValueCut");
    check(&[("050000", "0002010203", 1)], "050000 Length");
}

#[test]
fn last_written_wins() {
    check(&[("0000", "01", 5), ("000b", "3fc00000", 6)], "0=f1.5 1 duplicates");
    check(&[("0000", "01", 7), ("000b", "3fc00000", 6)], "0=1 1 duplicates");
    check(&[("0000", "01", 5), ("0001", "0002", 5)], "0=1 1 duplicates"); // Java's queue gives the first column first
    check(&[("0010", "01", 5), ("f000fa00", "02", 6)], "1000=2 1 duplicates"); // a second and its .000
    check(&[("0010", "01", 7), ("f000fa00", "02", 6)], "1000=1 1 duplicates");
    check(&[("0010", "01", 7), ("f000fa00", "01", 6)], "1000=1"); // the same bytes are no trouble
    check(&[("00000010", "010200", 5), ("00100020", "090300", 6)], "0=1 1000=9 2000=3 1 duplicates");
    let by_value = |use_max_value| DecodeOptions { use_otsdb_timestamp: true, use_max_value };
    let cells = [("0000", "01", 5), ("000b", "3fc00000", 6), ("0001", "0001", 9)];
    check_options(&cells, &by_value(true), "0=f1.5");
    check_options(&[("0000", "01", 5), ("000b", "3fc00000", 6)], &by_value(false), "0=1");
}

#[test]
fn the_message_of_a_duplicate() {
    // Recorded case strict/dups-query.
    let row = hex("00000250e22700000002000002");
    let cells = [
        Cell { qualifier: &hex("1400"), value: &[20], time: 1 },
        Cell { qualifier: &hex("140f"), value: &hex("4034800000000000"), time: 2 },
    ];
    let report = decode_row(&row, 0x50e2_2700, || cells.iter().copied(), &DecodeOptions::default(), &mut Points::default());
    let want = "Duplicate timestamp for key=[0, 0, 2, 80, -30, 39, 0, 0, 0, 2, 0, 0, 2], ms_offset=320000, \
                older=[64, 52, -128, 0, 0, 0, 0, 0], newer=[20]; set tsd.storage.fix_duplicates=true to fix automatically or run Fsck";
    assert_eq!(report.first_duplicate.unwrap().message(&row), want);
}

#[test]
fn times_and_bases() {
    fn check(number: i64, base: u32, qualifier: &str) {
        let time = PointTime::from_number(number).unwrap();
        let (q, _) = encode_point(time, Value::Int(1));
        assert_eq!((base_time(time), to_hex(q.encode().as_bytes()).as_str()), (base, qualifier), "{number}");
        if number < i64::from(u32::MAX) * 1000 {
            assert_eq!(q.time(base), time);
        }
    }
    check(1, 0, "0010");
    check(3599, 0, "E0F0");
    check(3600, 3600, "0000");
    check(4_294_967_295, 4_294_965_600, "69F0");
    check(4_294_967_296, 4_294_800, "F0A36000");
    check(1_400_000_399_999, 1_399_996_800, "FDBB9FC0");
    check(9_999_999_999_999, 1_410_062_608, "FAAE5FC0");
}

#[test]
fn packing() {
    let points = [(PointTime::Seconds(7200), Value::Int(1)), (PointTime::Seconds(7201), Value::Single(1.5))];
    let mut cell = PackedCell::default();
    assert_eq!(pack(&points, &mut cell), Ok(7200));
    assert_eq!((to_hex(&cell.qualifier), to_hex(&cell.value)), ("0000001B".into(), "013FC0000000".into()));
    let mixed = [points[0], (PointTime::Millis(7_200_001), Value::Int(300))];
    // 7,200,001 is below 2^32: as a number it would be seconds, but a head may hold it as milliseconds.
    assert_eq!(pack(&mixed, &mut cell), Ok(7200));
    assert_eq!((to_hex(&cell.qualifier), to_hex(&cell.value)), ("0000F0000041".into(), "01012C01".into()));
    assert_eq!(pack(&points[..1], &mut cell), Ok(7200));
    assert_eq!((to_hex(&cell.qualifier), to_hex(&cell.value)), ("0000".into(), "01".into()));
    assert_eq!(pack(&[], &mut cell), Err(PackError::Empty));
    assert_eq!(pack(&[points[1], points[0]], &mut cell), Err(PackError::NotAscending { at: 1 }));
    let same = [points[0], (PointTime::Millis(7_200_000), Value::Int(1))];
    assert_eq!(pack(&same, &mut cell), Err(PackError::NotAscending { at: 1 }));
    assert_eq!(pack(&[points[0], (PointTime::Seconds(1), Value::Int(1))], &mut cell), Err(PackError::OtherRow { at: 1 }));
}

#[test]
fn row_keys_of_all_widths() {
    for width in 1..=8u8 {
        for salt_width in 0..=8u8 {
            let layout = Layout { salt_width, salt_buckets: 300, metric_width: width, tagk_width: 9 - width, tagv_width: width };
            let uid = |n: u8, width: u8| vec![n; usize::from(width)];
            let (k1, v1, k2, v2) = (uid(1, 9 - width), uid(9, width), uid(2, 9 - width), uid(8, width));
            let metric = uid(5, width);
            let series = SeriesKey::new(&layout, &metric, [(&*k2, &*v2), (&*k1, &*v1)]);
            let row = series.row(0x0102_0310);
            let key = RowKey::parse(&layout, &row).unwrap();
            assert_eq!((key.metric(), key.base_time()), (&*metric, 0x0102_0310));
            assert_eq!(key.tags().collect::<Vec<_>>(), [(&*k1, &*v1), (&*k2, &*v2)]);
            assert_eq!(key.tsuid(), series.tsuid());
            assert_eq!(row_from_tsuid(&layout, &key.tsuid(), 0x0102_0310 + 5), series.row(0x0102_0310 / 3600 * 3600));
            assert!(row.starts_with(&scan_key(&layout, salt_of(&layout, &metric, key.tag_bytes()), &metric, 0x0102_0310)));
            let short = row.get(..layout.tags_at() - 1).unwrap();
            assert!(matches!(RowKey::parse(&layout, short), Err(KeyError::TooShort { .. })));
            assert!(matches!(RowKey::parse(&layout, &row[..row.len() - 1]), Err(KeyError::BrokenTags { .. })));
        }
    }
    // Global annotations: the metric of zeros has no salt.
    let layout = Layout { salt_width: 1, ..Layout::default() };
    assert_eq!(to_hex(&SeriesKey::new(&layout, &[0; 3], []).row(3600)), "0000000000000E10");
    assert_eq!(from_hex("0a0B"), Some(vec![10, 11]));
    assert_eq!((from_hex("0"), from_hex("0g")), (None, None));
}

#[test]
fn merging_is_done_once() {
    let cell = |q: &[u8], v: &[u8], time| (q.to_vec(), v.to_vec(), time);
    let merge = |cells: &[(Vec<u8>, Vec<u8>, i64)]| {
        let cells: Vec<Cell> = cells.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t }).collect();
        merge_cells(&cells, &DecodeOptions::default())
    };
    assert!(merge(&[]).is_none() && merge(&[cell(&[0, 0], &[1], 1)]).is_none());
    assert!(merge(&[cell(&[1, 0, 0], b"{}", 1)]).is_none());
    let merged = merge(&[cell(&[0, 0], &[1], 4), cell(&[0, 0x10], &[2], 3)]).unwrap();
    assert_eq!((merged.write, merged.delete.len(), merged.newest, merged.cell.count()), (true, 2, 4, 2));
    let again = cell(&merged.cell.qualifier, &merged.cell.value, 4);
    assert!(merge(std::slice::from_ref(&again)).is_none());
    // The same point late once more: the merged cell is there, only the single one goes.
    let late = merge(&[cell(&[0, 0], &[1], 5), again.clone()]).unwrap();
    assert_eq!((late.write, late.delete), (false, vec![vec![0, 0]]));
    // With another value the cell is written again under its own qualifier, which must not be deleted after.
    let other = merge(&[cell(&[0, 0], &[7], 5), again]).unwrap();
    assert_eq!((other.write, other.cell.value, other.delete), (true, vec![7, 2, 0], vec![vec![0, 0]]));
    // A mistake put right, alone in its row, is written anew.
    let fixed = merge(&[cell(&[0, 0x0F], &[0, 0, 0, 0], 5)]).unwrap();
    assert_eq!((fixed.cell.qualifier, fixed.delete), (vec![0, 0x0B], vec![vec![0, 0x0F]]));
    assert!(merge(&[cell(&[0, 0], &[1], 4), cell(&[0, 0x11], &[2, 3, 4], 3)]).is_none());
}

#[test]
fn values_read_back() {
    for value in [0, 127, 128, -128, -129, 32767, 32768, -32769, 2147483647, 2147483648, i64::MIN, i64::MAX] {
        let (bytes, flags) = encode_value(Value::Int(value));
        let qualifier = Qualifier::new(PointTime::Seconds(5), flags);
        assert_eq!(qualifier.read(bytes.as_bytes()), Some(Number::Int(value)));
        assert_eq!(qualifier.value_len(), bytes.as_bytes().len());
    }
}
