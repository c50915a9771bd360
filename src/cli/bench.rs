//! `tsdb bench`: loads a running TSD over its own port and says what it did. Deterministic data; no server of its own.
//!
//! `tsdb bench put` ends each telnet connection with `version` and counts the time until the reply: with this server that
//! means *on disk*. `tsdb bench query` repeats one request.

use super::{Call, Failure, USAGE};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What `tsdb bench put` sends: `hosts` x `metrics` series of `points` points.
struct PutArgs {
    addr: String,
    http: bool,
    hosts: u64,
    metrics: u64,
    points: u64,
    /// Points of one write or request.
    batch: u64,
    conns: u64,
    /// First part of the metric names.
    prefix: String,
    /// Seconds between the points of a series.
    step: u64,
    /// Time of the first point, in seconds.
    start: u64,
}

/// Runs `bench put` or `bench query PATH`.
pub fn run(call: &Call) -> Result<(), Failure> {
    let text = |flag: &str, default: &str| call.parsed.value(flag).unwrap_or(default).to_string();
    let number = |flag: &str, default: u64| match call.parsed.value(flag).map(str::parse) {
        None => Ok(default),
        Some(Ok(n)) if n > 0 => Ok(n),
        Some(_) => Err(call.misused(USAGE, &format!("{flag} must be a whole number of at least 1"))),
    };
    let addr = text("--addr", "127.0.0.1:4242");
    let done = match call.words().as_slice() {
        ["put"] => put(&PutArgs {
            addr,
            http: call.parsed.has("--http"),
            hosts: number("--hosts", 100)?,
            metrics: number("--metrics", 10)?,
            points: number("--points", 1000)?,
            batch: number("--batch", 500)?,
            conns: number("--conns", 2)?,
            prefix: text("--prefix", "bench"),
            step: number("--step", 10)?,
            start: number("--start", 1_700_000_000)?,
        }),
        ["query", path] => query(&addr, path, number("--count", 10)?, number("--hosts", 100)?),
        _ => return Err(call.misused(USAGE, "Neither `put` nor `query PATH`")),
    };
    done.map_err(Failure::new)
}

const DEADLINE: Duration = Duration::from_secs(120);

/// Sends the points and prints the rate. Errors name the connection's trouble.
fn put(args: &PutArgs) -> Result<(), String> {
    let total = args.hosts * args.metrics * args.points;
    let begun = Instant::now();
    let share = total.div_ceil(args.conns);
    let results: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..args.conns).map(|c| scope.spawn(move || send(args, (c * share).min(total), ((c + 1) * share).min(total)))).collect();
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err("a sender ended early".into()))).collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    results.into_iter().collect::<Result<Vec<()>, String>>()?;
    let way = if args.http { "http" } else { "telnet" };
    say(&format!("{way}: {total} points in {seconds:.3} s = {:.0} points/s, all acknowledged\n", total as f64 / seconds))
}

fn send(args: &PutArgs, from: u64, to: u64) -> Result<(), String> {
    let mut stream = connect(&args.addr)?;
    let mut replies = BufReader::new(stream.try_clone().map_err(|e| e.to_string())?);
    let mut text = Vec::new();
    let mut at = from;
    while at < to {
        let end = (at + args.batch).min(to);
        text.clear();
        if args.http {
            json(args, at, end, &mut text);
        } else {
            (at..end).for_each(|i| line(args, i, &mut text));
        }
        stream.write_all(&text).map_err(|e| format!("{}: {e}", args.addr))?;
        if args.http {
            let (status, body) = response(&mut replies)?;
            if status / 100 != 2 {
                return Err(format!("{}: status {status}: {}", args.addr, String::from_utf8_lossy(&body)));
            }
        }
        at = end;
    }
    if args.http {
        return Ok(());
    }
    stream.write_all(b"version\n").map_err(|e| format!("{}: {e}", args.addr))?;
    let mut reply = String::new();
    replies.read_line(&mut reply).map_err(|e| format!("{}: {e}", args.addr))?;
    if reply.starts_with("net.opentsdb") { Ok(()) } else { Err(format!("{}: a put was refused: {reply}", args.addr)) }
}

/// Host, metric and place in time of point `i`: all series at one time, then the next time.
fn place(args: &PutArgs, i: u64) -> (u64, u64, u64) {
    let series = args.hosts * args.metrics;
    let s = i % series;
    (s / args.metrics, s % args.metrics, i / series)
}

/// A number as good as one by chance, the same in each run.
fn scatter(number: u64) -> u64 {
    let x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ x >> 29
}

/// Odd metrics hold three decimals, even ones integers below 1,000.
fn value(host: u64, metric: u64, k: u64, out: &mut Vec<u8>) {
    let x = scatter(host << 40 | metric << 32 | k);
    let _ = if metric % 2 == 1 { write!(out, "{}.{:03}", x % 100, (x >> 8) % 1000) } else { write!(out, "{}", x % 1000) };
}

fn line(args: &PutArgs, i: u64, out: &mut Vec<u8>) {
    let (host, metric, k) = place(args, i);
    let _ = write!(out, "put {}.m{metric} {} ", args.prefix, args.start + k * args.step);
    value(host, metric, k, out);
    let _ = writeln!(out, " host=h{host} dc=dc{}", host % 4);
}

fn json(args: &PutArgs, from: u64, to: u64, out: &mut Vec<u8>) {
    let mut body = vec![b'['];
    for i in from..to {
        let (host, metric, k) = place(args, i);
        if i > from {
            body.push(b',');
        }
        let _ = write!(body, "{{\"metric\":\"{}.m{metric}\",\"timestamp\":{},\"value\":", args.prefix, args.start + k * args.step);
        value(host, metric, k, &mut body);
        let _ = write!(body, ",\"tags\":{{\"host\":\"h{host}\",\"dc\":\"dc{}\"}}}}", host % 4);
    }
    body.push(b']');
    let _ = write!(
        out,
        "POST /api/put HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        args.addr,
        body.len()
    );
    out.extend_from_slice(&body);
}

/// Repeats a request, `%HOST%` in it being another of the hosts each time, and prints the fastest, the median and the slowest answer.
fn query(addr: &str, path: &str, count: u64, hosts: u64) -> Result<(), String> {
    let mut stream = connect(addr)?;
    let mut replies = BufReader::new(stream.try_clone().map_err(|e| e.to_string())?);
    let (mut times, mut bytes) = (Vec::new(), 0);
    for round in 1..=count {
        let path = path.replace("%HOST%", &format!("h{}", scatter(round) % hosts));
        let begun = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(|e| format!("{addr}: {e}"))?;
        let (status, body) = response(&mut replies)?;
        if status != 200 {
            return Err(format!("{addr}: status {status}: {}", String::from_utf8_lossy(&body)));
        }
        times.push(begun.elapsed());
        bytes = body.len();
    }
    times.sort();
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1000.0);
    let (fastest, median, slowest) = (ms(times.first()), ms(times.get(times.len() / 2)), ms(times.last()));
    say(&format!("{count} answers of {bytes} bytes: fastest {fastest:.1} ms, median {median:.1} ms, slowest {slowest:.1} ms\n"))
}

fn say(text: &str) -> Result<(), String> {
    super::extra::print(text).map_err(|failure| failure.text)
}

fn connect(addr: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(addr).map_err(|e| format!("{addr}: {e}"))?;
    let _ = stream.set_nodelay(true);
    stream.set_read_timeout(Some(DEADLINE)).map_err(|e| e.to_string())?;
    Ok(stream)
}

/// Reads one answer with a length or in chunks: status and body.
fn response(input: &mut impl BufRead) -> Result<(u16, Vec<u8>), String> {
    let mut head = String::new();
    let (mut status, mut length, mut chunked) = (0, 0usize, false);
    loop {
        head.clear();
        if input.read_line(&mut head).map_err(|e| e.to_string())? == 0 {
            return Err("the connection was closed before the answer".into());
        }
        let lower = head.trim_end().to_ascii_lowercase();
        if status == 0 {
            status = lower.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| format!("an odd answer: {lower}"))?;
        } else if let Some(n) = lower.strip_prefix("content-length:") {
            length = n.trim().parse().map_err(|_| format!("an odd length: {lower}"))?;
        } else if lower.starts_with("transfer-encoding:") && lower.ends_with("chunked") {
            chunked = true;
        } else if lower.is_empty() {
            break;
        }
    }
    let mut body = Vec::new();
    if !chunked {
        input.take(length as u64).read_to_end(&mut body).map_err(|e| e.to_string())?;
        return Ok((status, body));
    }
    loop {
        head.clear();
        input.read_line(&mut head).map_err(|e| e.to_string())?;
        let size = u64::from_str_radix(head.trim(), 16).map_err(|_| format!("an odd chunk: {head}"))?;
        input.by_ref().take(size).read_to_end(&mut body).map_err(|e| e.to_string())?;
        head.clear();
        input.read_line(&mut head).map_err(|e| e.to_string())?;
        if size == 0 {
            return Ok((status, body));
        }
    }
}
