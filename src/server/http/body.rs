//! Bodies of requests: read within limits, decompressed within limits, turned into text.
//!
//! Two steps, because the first waits for a client and the second uses a processor: [`read`] runs on the async side,
//! [`Sent::into_text`] on a thread of a pool. Both draw from one budget of bytes for all requests together.

use super::super::limits::{BODIES_BYTES_MAX, BODY_CHUNKED_ABOVE, BODY_RATIO_MAX, BodyLimits, DRAIN_BYTES, DRAIN_TIME};
use super::api::ApiError;
use bytes::Bytes;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use std::io::Read;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of the budget that are taken at a time.
const STEP: usize = 64 * 1024;
/// Decompressed bytes up to which the ratio does not matter.
const RATIO_FREE: usize = 1024 * 1024;
/// Letters of an unknown `Content-Encoding` that an error repeats.
const ENCODING_SHOWN_MAX: usize = 100;

/// The bytes of bodies in memory.
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    /// All of it free.
    fn default() -> Budget {
        Budget(Arc::new(Semaphore::new(BODIES_BYTES_MAX / STEP)))
    }
}

impl Budget {
    fn share(&self) -> Share {
        Share { budget: self.0.clone(), held: None, bytes: 0 }
    }
}

/// What one request holds of the budget; given back when dropped.
struct Share {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// Makes sure that `bytes` in all are taken.
    fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        let more = bytes.saturating_sub(self.bytes).div_ceil(STEP);
        if more == 0 {
            return Ok(());
        }
        let permit = u32::try_from(more).ok().and_then(|n| self.budget.clone().try_acquire_many_owned(n).ok());
        let permit = permit.ok_or_else(|| {
            let limit = format!("limit BODIES_BYTES_MAX: {BODIES_BYTES_MAX}");
            ApiError::new(503, "Too many bytes of request bodies in memory").details(limit)
        })?;
        self.bytes += more * STEP;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Deflate,
}

/// How the text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Utf8,
    Latin1,
}

/// A body as it came.
pub struct Sent {
    bytes: Vec<u8>,
    packing: Packing,
    /// What `Content-Encoding` says, if that is nothing known here: the body is then read as it is, as the original does.
    unread: Option<String>,
    charset: Charset,
    max_inflated: usize,
    share: Share,
}

/// A body as the handler gets it. The text is valid UTF-8; the budget is held as long as this lives.
pub struct Text {
    /// The bytes.
    pub text: String,
    _share: Share,
}

/// Whether the body counts as chunked for `tsd.http.request.enable_chunked` and `max_chunk`.
pub fn is_chunked(parts: &Parts) -> bool {
    let expects = header(parts, EXPECT).is_some_and(|v| v.eq_ignore_ascii_case("100-continue"));
    header(parts, TRANSFER_ENCODING).is_some() || expects || length(parts).is_some_and(|n| n > BODY_CHUNKED_ABOVE)
}

fn header(parts: &Parts, name: hyper::header::HeaderName) -> Option<&str> {
    parts.headers.get(name).and_then(|v| v.to_str().ok())
}

fn length(parts: &Parts) -> Option<usize> {
    header(parts, CONTENT_LENGTH)?.parse().ok()
}

/// Reads a body whole. Too long: 413 with the name of the limit; too slow: 408.
pub async fn read(parts: &Parts, mut body: Incoming, limits: &BodyLimits, budget: &Budget) -> Result<Sent, ApiError> {
    let read = timeout(limits.timeout, collect(parts, &mut body, limits, budget)).await;
    let read = read.unwrap_or_else(|_| {
        let limit = format!("limit tsd.http.request.timeout: {} ms", limits.timeout.as_millis());
        Err(ApiError::new(408, "The body of the request did not come in time").details(limit))
    });
    if read.as_ref().is_err_and(|e| e.status == 413) {
        let _ = timeout(DRAIN_TIME, drain(body)).await;
    }
    read
}

/// Lets a refused client finish, so that it gets to reading the answer.
async fn drain(mut body: Incoming) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > DRAIN_BYTES {
            return;
        }
    }
}

async fn collect(parts: &Parts, body: &mut Incoming, limits: &BodyLimits, budget: &Budget) -> Result<Sent, ApiError> {
    let (packing, unread) = match header(parts, CONTENT_ENCODING).map(str::to_ascii_lowercase) {
        Some(name) if name == "gzip" || name == "x-gzip" => (Packing::Gzip, None),
        Some(name) if name == "deflate" || name == "x-deflate" => (Packing::Deflate, None),
        name => (Packing::Plain, name.filter(|name| !name.is_empty() && name != "identity")),
    };
    let charset = charset(parts)?;
    let (most, named) = match is_chunked(parts) && limits.max_chunk < limits.max_body {
        true => (limits.max_chunk, "tsd.http.request.max_chunk"),
        false => (limits.max_body, "tsd.http.request.max_body"),
    };
    let mut share = budget.share();
    let announced = length(parts).unwrap_or(0);
    if announced > most {
        return Err(too_large(named, most));
    }
    // Memory and budget follow what has come: a client that announces much and then is silent holds nothing of others.
    let mut bytes = Vec::with_capacity(announced.min(STEP));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ApiError::bad("The body of the request did not come whole").details(e.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large(named, most));
        }
        share.grow_to(bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(Sent { bytes, packing, unread, charset, share, max_inflated: limits.max_inflated })
}

fn too_large(named: &str, most: usize) -> ApiError {
    ApiError::new(413, "The body of the request is too large").details(format!("limit {named}: {most} bytes"))
}

/// `charset=` of the content type. The original never answers a request with one it does not know; here it is a 400.
fn charset(parts: &Parts) -> Result<Charset, ApiError> {
    let Some(given) = header(parts, CONTENT_TYPE).map(str::to_ascii_lowercase) else { return Ok(Charset::Utf8) };
    let Some((_, name)) = given.split_once("charset=") else { return Ok(Charset::Utf8) };
    match name.split(';').next().unwrap_or_default().trim().trim_matches('"') {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(Charset::Utf8),
        "iso-8859-1" | "latin1" | "iso8859-1" => Ok(Charset::Latin1),
        other => {
            Err(ApiError::bad("Unsupported charset")
                .details(format!("Content-Type names the charset {other}; UTF-8 and ISO-8859-1 are read")))
        }
    }
}

/// A body whose `Content-Encoding` nobody here knows: what is made of it is most likely wrong, and the error says why.
pub struct Unread(Option<String>);

impl Unread {
    /// Adds the encoding to what was wrong with the body.
    pub fn explain(&self, mut error: ApiError) -> ApiError {
        if let (Some(name), 400) = (&self.0, error.status) {
            let why = format!("Content-Encoding {name} was not unpacked; gzip, deflate and identity are read");
            error.details = Some(error.details.map_or_else(|| why.clone(), |details| format!("{details}; {why}")));
        }
        error
    }
}

impl Sent {
    /// For the errors of whoever reads the body.
    pub fn unread(&self) -> Unread {
        let shown = |name: &String| name.chars().take(ENCODING_SHOWN_MAX).collect();
        Unread(self.unread.as_ref().filter(|_| !self.bytes.is_empty()).map(shown))
    }

    /// Unpacks and decodes. Bytes that are no UTF-8 become U+FFFD, which no name may hold.
    pub fn into_text(mut self) -> Result<Text, ApiError> {
        let bytes = match self.packing {
            Packing::Plain => std::mem::take(&mut self.bytes),
            Packing::Gzip => unpack(MultiGzDecoder::new(self.bytes.as_slice()), self.bytes.len(), self.max_inflated, &mut self.share)?,
            Packing::Deflate => unpack(ZlibDecoder::new(self.bytes.as_slice()), self.bytes.len(), self.max_inflated, &mut self.share)?,
        };
        let text = match self.charset {
            Charset::Utf8 => String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
            Charset::Latin1 => bytes.iter().map(|&b| char::from(b)).collect(),
        };
        Ok(Text { text, _share: self.share })
    }
}

/// Refuses JSON that is nested too deep for readers that recurse. Text that is no JSON passes: its reader says more.
pub fn check_depth(text: &str, most: usize) -> Result<(), ApiError> {
    let (mut depth, mut in_string) = (0usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return Err(ApiError::bad("The JSON is nested too deep").details(format!("limit tsd.http.json_depth_max: {most}")));
        }
    }
    Ok(())
}

/// Decompresses within the limits: a small body that unfolds without end is stopped early.
fn unpack(mut from: impl Read, packed: usize, most: usize, share: &mut Share) -> Result<Vec<u8>, ApiError> {
    let mut out = Vec::new();
    let mut piece = vec![0; STEP];
    loop {
        let n =
            from.read(&mut piece).map_err(|e| ApiError::bad("The body of the request cannot be decompressed").details(e.to_string()))?;
        if n == 0 {
            return Ok(out);
        }
        out.extend_from_slice(piece.get(..n).unwrap_or_default());
        if out.len() > most {
            return Err(too_large("tsd.http.request.max_inflated", most));
        }
        if out.len() > RATIO_FREE && out.len() / BODY_RATIO_MAX > packed {
            return Err(ApiError::new(413, "The body of the request is too large")
                .details(format!("limit BODY_RATIO_MAX: more than {BODY_RATIO_MAX} bytes out of each compressed one")));
        }
        share.grow_to(packed + out.len())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn sent(bytes: Vec<u8>, packing: Packing, charset: Charset) -> Result<String, u16> {
        let share = Budget::default().share();
        Sent { bytes, packing, unread: None, charset, max_inflated: 5 << 20, share }.into_text().map(|t| t.text).map_err(|e| e.status)
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn texts() {
        assert_eq!(sent(b"abc".to_vec(), Packing::Plain, Charset::Utf8), Ok("abc".to_owned()));
        assert_eq!(sent(vec![0xe9], Packing::Plain, Charset::Latin1), Ok("é".to_owned()));
        assert_eq!(sent(vec![b'a', 0xff], Packing::Plain, Charset::Utf8), Ok("a\u{fffd}".to_owned()));
        assert_eq!(sent(gz(b"abc"), Packing::Gzip, Charset::Utf8), Ok("abc".to_owned()));
        assert_eq!(sent([gz(b"abc"), gz(b"def")].concat(), Packing::Gzip, Charset::Utf8), Ok("abcdef".to_owned()));
        assert_eq!(sent(b"no gzip".to_vec(), Packing::Gzip, Charset::Utf8), Err(400));
        let whole = gz(b"abc");
        assert_eq!(sent(whole[..whole.len() - 3].to_vec(), Packing::Gzip, Charset::Utf8), Err(400));
    }

    #[test]
    fn bombs_are_stopped() {
        assert_eq!(sent(gz(&vec![b' '; 4 << 20]), Packing::Gzip, Charset::Utf8), Err(413)); // 4 MiB out of 4 kB
        assert_eq!(sent(gz(&vec![b' '; 1 << 20]), Packing::Gzip, Charset::Utf8).map(|t| t.len()), Ok(1 << 20));
    }

    #[test]
    fn points_with_long_tags_are_no_bomb() {
        let tags: Vec<String> =
            (1..8).map(|n| format!(r#""label_of_a_container_number_{n}":"a-rather-long-value-of-label-{n}""#)).collect();
        let point = |n: u32| format!(r#"{{"metric":"a.b","timestamp":14000{n:05},"value":0,"tags":{{"host":"w",{}}}}}"#, tags.join(","));
        let body = format!("[{}]", (0..5_000).map(point).collect::<Vec<_>>().join(","));
        assert!(body.len() > RATIO_FREE && body.len() / gz(body.as_bytes()).len() > 80, "these fold well");
        assert_eq!(sent(gz(body.as_bytes()), Packing::Gzip, Charset::Utf8), Ok(body));
    }

    #[test]
    fn depth() {
        for (text, deep) in
            [("[[1]]", false), ("[[[1]]]", true), ("{\"a\":[1]}", false), ("[\"[[[\\\"[[[\"]", false), ("[[],[],[]]", false)]
        {
            assert_eq!(check_depth(text, 2).is_err(), deep, "{text}");
        }
    }

    #[test]
    fn the_budget_is_given_back() {
        let budget = Budget::default();
        let mut all = budget.share();
        assert!(all.grow_to(BODIES_BYTES_MAX).is_ok());
        assert_eq!(budget.share().grow_to(1).map_err(|e| e.status), Err(503));
        drop(all);
        assert!(budget.share().grow_to(1).is_ok());
    }
}
