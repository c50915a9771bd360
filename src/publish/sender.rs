//! The connection to the receiver: opened when there is something to say, opened again after any fault.

use super::Address;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Longest time that a round may take.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// How long a connection is looked at for its end before lines go into it.
const LOOK: Duration = Duration::from_millis(1);
/// Time between two attempts after a fault.
pub const PAUSE: Duration = Duration::from_secs(1);

/// Sends rounds of lines.
pub struct Sender {
    address: Address,
    runtime: Runtime,
    link: Option<Link>,
}

enum Link {
    Tcp(TcpStream),
    Http(SendRequest<Full<Bytes>>),
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Sender {
    pub fn new(address: Address) -> std::io::Result<Sender> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Sender { address, runtime, link: None })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends the lines, over the open connection if it still works, else over a new one.
    pub fn send(&mut self, lines: &[u8], deadline: Duration) -> Result<(), Fault> {
        if lines.is_empty() {
            return Ok(());
        }
        let kept = self.link.take();
        let address = &self.address;
        let work = async {
            if let Some(mut link) = kept
                && link.send(address, lines).await.is_ok()
            {
                return Ok(link);
            }
            let mut link = Link::open(address).await?;
            link.send(address, lines).await?;
            Ok::<Link, Fault>(link)
        };
        let done = self.runtime.block_on(async { timeout(deadline, work).await });
        self.link = Some(done.map_err(|_| format!("no answer within {deadline:?}"))??);
        Ok(())
    }
}

impl Link {
    async fn open(address: &Address) -> Result<Link, Fault> {
        let stream = TcpStream::connect(&address.authority).await?;
        if address.path.is_none() {
            return Ok(Link::Tcp(stream));
        }
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Link::Http(sender))
    }

    async fn send(&mut self, address: &Address, lines: &[u8]) -> Result<(), Fault> {
        match self {
            Link::Tcp(stream) => {
                // A receiver has nothing to say: what can be read is the end of the connection.
                let mut byte = [0; 1];
                let readable = timeout(LOOK, stream.readable()).await.is_ok();
                if readable && matches!(stream.try_read(&mut byte), Ok(0)) {
                    return Err("the receiver has closed the connection".into());
                }
                Ok(stream.write_all(lines).await?)
            }
            Link::Http(sender) => {
                sender.ready().await?;
                let request = Request::builder()
                    .method(Method::POST)
                    .uri(address.path.as_deref().unwrap_or("/"))
                    .header(header::HOST, &address.authority)
                    .header(header::CONTENT_TYPE, "application/x-ndjson")
                    .body(Full::new(Bytes::copy_from_slice(lines)))?;
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                // Read to its end, so that the connection can be used again.
                http_body_util::BodyExt::collect(answer.into_body()).await?;
                if status.is_success() { Ok(()) } else { Err(format!("answered {status}").into()) }
            }
        }
    }
}
