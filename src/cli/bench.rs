//! `tsdb bench`: loads a running TSD over its own port and says what it did. Deterministic data; no server of its own.
//!
//! `tsdb bench put` ends each telnet connection with `version` and counts the time until the reply: with this server that
//! means *on disk*. `tsdb bench query` repeats one request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What `tsdb bench put` sends: `hosts` x `metrics` series of `points` points from 1,700,000,000 on.
#[derive(Clone, Debug, clap::Args)]
pub struct PutArgs {
    /// The TSD.
    #[arg(long, default_value = "127.0.0.1:4242")]
    pub addr: String,
    /// Use `POST /api/put` instead of telnet.
    #[arg(long)]
    pub http: bool,
    /// Hosts (tag `host`).
    #[arg(long, default_value_t = 100)]
    pub hosts: u64,
    /// Metrics, named PREFIX.m0 and so on.
    #[arg(long, default_value_t = 10)]
    pub metrics: u64,
    /// Points of each series.
    #[arg(long, default_value_t = 1000)]
    pub points: u64,
    /// Points of one write or request.
    #[arg(long, default_value_t = 500)]
    pub batch: u64,
    /// Connections.
    #[arg(long, default_value_t = 2)]
    pub conns: u64,
    /// First part of the metric names.
    #[arg(long, default_value = "bench")]
    pub prefix: String,
    /// Seconds between the points of a series.
    #[arg(long, default_value_t = 10)]
    pub step: u64,
    /// Time of the first point, in seconds.
    #[arg(long, default_value_t = 1_700_000_000)]
    pub start: u64,
}

/// What `tsdb bench query` asks.
#[derive(Clone, Debug, clap::Args)]
pub struct QueryArgs {
    /// The TSD.
    #[arg(long, default_value = "127.0.0.1:4242")]
    pub addr: String,
    /// Path and query string: `/api/query?start=...&m=...`. `%HOST%` in it becomes a host by chance, another each time.
    pub path: String,
    /// How often.
    #[arg(long, default_value_t = 10)]
    pub count: usize,
    /// Hosts of which `%HOST%` is one: `h0` and so on.
    #[arg(long, default_value_t = 1000)]
    pub hosts: u64,
}

const DEADLINE: Duration = Duration::from_secs(120);

/// Sends the points and prints the rate. Errors name the connection's trouble.
pub fn put(args: &PutArgs) -> Result<(), String> {
    let total = args.hosts * args.metrics * args.points;
    if total == 0 || args.batch == 0 || args.conns == 0 {
        return Err("--hosts, --metrics, --points, --batch and --conns must be at least 1".into());
    }
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
    println!("{way}: {total} points in {seconds:.3} s = {:.0} points/s, all acknowledged", total as f64 / seconds);
    Ok(())
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

/// A number as good as by chance, the same each run.
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

/// Repeats a request and prints the fastest, the median and the slowest answer.
pub fn query(args: &QueryArgs) -> Result<(), String> {
    let mut stream = connect(&args.addr)?;
    let mut replies = BufReader::new(stream.try_clone().map_err(|e| e.to_string())?);
    let (mut times, mut bytes) = (Vec::new(), 0);
    for round in 0..args.count.max(1) as u64 {
        let host = scatter(round + 1) % args.hosts.max(1);
        let path = args.path.replace("%HOST%", &format!("h{host}"));
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", args.addr);
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).map_err(|e| format!("{}: {e}", args.addr))?;
        let (status, body) = response(&mut replies)?;
        if status != 200 {
            return Err(format!("{}: status {status}: {}", args.addr, String::from_utf8_lossy(&body)));
        }
        times.push(begun.elapsed());
        bytes = body.len();
    }
    times.sort();
    let ms = |d: Option<&Duration>| d.map_or(0.0, |d| d.as_secs_f64() * 1000.0);
    println!(
        "{} answers of {bytes} bytes: fastest {:.1} ms, median {:.1} ms, slowest {:.1} ms",
        times.len(),
        ms(times.first()),
        ms(times.get(times.len() / 2)),
        ms(times.last())
    );
    Ok(())
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
