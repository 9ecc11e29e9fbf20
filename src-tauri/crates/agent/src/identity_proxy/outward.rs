//! The one connection of ours to an upstream that belongs to one connection of a caller's: nobody else's request
//! goes by it. Looks names up, judges what they are, and never follows a redirect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use url::Host;
use zeroize::Zeroizing;

use super::address::may_be;
use crate::config::Upstream;
use crate::http::Secured;
use crate::outgoing_proxy::{Address, Proxies, Way, way};
use crate::system;

/// How long may look-up, TCP, a proxy and TLS take together?
const CONNECT: Duration = Duration::from_secs(10);
/// And where the one that stood is closed behind the permission to send?
const AGAIN: Duration = Duration::from_secs(2);
/// How long has one address before the next is tried beside it (RFC 8305 §5)?
const NEXT: Duration = Duration::from_millis(250);
/// How long may the head of an answer be?
const LONGEST_HEAD: usize = 64 * 1024;
/// And a proxy's answer to `CONNECT`?
const LONGEST_CONNECT: usize = 8 * 1024;

/// What is sent: the caller's body as it comes, or none.
pub(crate) type Outgoing = Either<Incoming, Empty<Bytes>>;

/// Why there is no answer of the upstream's.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// 502, or 504 where nobody answered in time.
    pub(crate) status: StatusCode,
    pub(crate) why: String,
}

impl Unsent {
    fn before(why: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, why: why.into() }
    }
}

/// With what connections are made.
pub(crate) struct Outward {
    secured: Arc<Secured>,
    proxies: Arc<Proxies>,
    kept: Option<Kept>,
}

struct Kept {
    to: Arc<Upstream>,
    sender: http1::SendRequest<Outgoing>,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
type Stream = Box<dyn Io>;

impl Outward {
    pub(crate) fn new(secured: Arc<Secured>, proxies: Arc<Proxies>) -> Self {
        Self { secured, proxies, kept: None }
    }

    /// Has a connection stand before anybody is asked for a token: what may be sent then goes at once, and what
    /// cannot is on no record as sent.
    pub(crate) async fn ready(&mut self, to: &Arc<Upstream>) -> Result<(), Unsent> {
        let kept = self.kept.take().filter(|kept| kept.to == *to);
        let mut kept = match kept {
            Some(kept) => kept,
            None => Kept { to: to.clone(), sender: self.connect(to, CONNECT).await? },
        };
        if kept.sender.ready().await.is_err() {
            kept.sender = self.connect(to, CONNECT).await?;
        }
        self.kept = Some(kept);
        Ok(())
    }

    /// On the connection that stands, or on a new one where none does any more.
    pub(crate) async fn send(
        &mut self,
        to: &Arc<Upstream>,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Unsent> {
        let mut request = request;
        // Another config may have come in between.
        if let Some(mut kept) = self.kept.take().filter(|kept| kept.to == *to)
            && kept.sender.ready().await.is_ok()
        {
            match kept.sender.try_send_request(request).await {
                Ok(response) => return self.answered(kept, response),
                Err(mut failed) => match failed.take_message() {
                    // It was closed before this was sent.
                    Some(whole) => request = whole,
                    None => return Err(broken(&failed.into_error())),
                },
            }
        }
        let mut kept = Kept { to: to.clone(), sender: self.connect(to, AGAIN).await? };
        let response = kept.sender.send_request(request).await.map_err(|error| broken(&error))?;
        self.answered(kept, response)
    }

    fn answered(
        &mut self,
        kept: Kept,
        response: Response<Incoming>,
    ) -> Result<Response<Incoming>, Unsent> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Unsent::before(
                "the upstream speaks another protocol, and was not asked to",
            ));
        }
        self.kept = Some(kept);
        Ok(response)
    }

    async fn connect(
        &self,
        to: &Upstream,
        within: Duration,
    ) -> Result<http1::SendRequest<Outgoing>, Unsent> {
        let connected = timeout(within, self.stream(to)).await.map_err(|_elapsed| Unsent {
            status: StatusCode::GATEWAY_TIMEOUT,
            ..Unsent::before(format!(
                "no connection to {} within {} s",
                to.authority(),
                within.as_secs()
            ))
        })?;
        let stream =
            connected.map_err(|why| Unsent::before(format!("{}: {why}", to.authority())))?;
        let handshake = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .handshake::<_, Outgoing>(TokioIo::new(stream))
            .await;
        let (sender, connection) = handshake.map_err(|error| Unsent::before(error.to_string()))?;
        // Ends with its sender, and with the body of its last answer.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "connection to an upstream ended");
            }
        });
        Ok(sender)
    }

    async fn stream(&self, to: &Upstream) -> Result<Stream, String> {
        let way = way(&to.network, &self.proxies, &to.url)
            .map_err(|(by, unusable)| format!("{by} names {unusable}"))?;
        let plain: Stream = match &way {
            Way::Through(by, address) => Box::new(
                tunnel(address, to)
                    .await
                    .map_err(|why| format!("the proxy {address} ({by}): {why}"))?,
            ),
            // What a system's own settings name is not asked here.
            Way::Direct | Way::System => Box::new(dial(to).await?),
        };
        if to.url.scheme() != "https" {
            return Ok(plain);
        }
        let secured = self.secured.over(plain, (&to.url, to.network.ca_file.as_deref())).await;
        secured.map(|stream| Box::new(stream) as Stream).map_err(|why| why.text)
    }
}

fn broken(error: &hyper::Error) -> Unsent {
    let why = match std::error::Error::source(error) {
        Some(cause) => format!("the upstream broke off: {error}: {cause}"),
        None => format!("the upstream broke off: {error}"),
    };
    Unsent::before(why)
}

/// To an address that was judged, and to no other.
async fn dial(to: &Upstream) -> Result<TcpStream, String> {
    let port = to.url.port_or_known_default().unwrap_or_default();
    let addresses: Vec<IpAddr> = match to.url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => {
            let found = lookup_host((name, port)).await;
            found.map_err(|error| error.to_string())?.map(|place| place.ip()).collect()
        }
        None => Vec::new(),
    };
    let mut why = "its name has no address".to_owned();
    let mut places = Vec::new();
    for address in addresses {
        match may_be(address, to.is_here()) {
            Ok(()) => places.push(SocketAddr::new(address, port)),
            Err(refused) => why = format!("{address} is not connected to: {refused}"),
        }
    }
    let stream = first_of(places, TcpStream::connect).await.map_err(|failed| {
        // Every address was refused, or none of those that were not.
        failed.map_or(why, |error| error.to_string())
    })?;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay not set");
    }
    if let Err(error) = system::notices_the_end(&stream) {
        tracing::debug!(%error, "keepalive not set");
    }
    if to.url.scheme() != "https" {
        is_ours(&stream).await?;
    }
    Ok(stream)
}

/// The first that answers, each next one tried once one fails or takes its time: an address that is dead costs
/// that, not all the time there is.
async fn first_of<T, F>(
    places: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Option<io::Error>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let (mut left, mut tries, mut why) = (places.into_iter(), JoinSet::new(), None);
    loop {
        match left.next() {
            Some(place) => drop(tries.spawn(connect(place))),
            None if tries.is_empty() => return Err(why),
            None => {}
        }
        tokio::select! {
            Some(ended) = tries.join_next() => match ended {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = Some(error),
                Err(aborted) => why = Some(io::Error::other(aborted)),
            },
            () = sleep(NEXT), if left.len() > 0 => {}
        }
    }
}

/// http proves nobody: on loopback whoever has the port would have the token.
async fn is_ours(stream: &TcpStream) -> Result<(), String> {
    let (near, far) = stream
        .local_addr()
        .and_then(|near| Ok((near, stream.peer_addr()?)))
        .map_err(|error| error.to_string())?;
    // Before it is taken in, a connection has no holder but whoever listens.
    let look = move || system::tcp_peer_uid(near, far).or_else(|| system::listener_uid(far));
    let uid = spawn_blocking(look).await.unwrap_or_default();
    may_have(uid, system::own_uid()).map_err(|uid| {
        format!("{far} is held by a program of uid {uid}, which is neither yours nor root's, and http proves nobody")
    })
}

/// `None`: the system does not tell.
fn may_have(uid: Option<u32>, own: Option<u32>) -> Result<(), u32> {
    match uid {
        Some(uid) if uid != 0 && Some(uid) != own => Err(uid),
        Some(_) | None => Ok(()),
    }
}

/// By a proxy that the config or the environment names, which looks the name up itself (RFC 9110 §9.3.6).
async fn tunnel(proxy: &Address, to: &Upstream) -> Result<TcpStream, String> {
    let url = proxy.expose();
    if url.scheme() != "http" {
        return Err("only a proxy at http:// is used for upstreams".to_owned());
    }
    // A number is judged as ever.
    let number = match to.url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(_)) | None => None,
    };
    number.map_or(Ok(()), |address| may_be(address, false))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or_default();
    let mut stream = TcpStream::connect((host, port)).await.map_err(|error| error.to_string())?;
    let port = to.url.port_or_known_default().unwrap_or_default();
    let place = format!("{}:{port}", to.url.host_str().unwrap_or_default());
    let login = match (url.username(), url.password()) {
        ("", None) => Zeroizing::default(),
        (user, password) => {
            let text = Zeroizing::new(format!("{user}:{}", password.unwrap_or_default()));
            Zeroizing::new(format!(
                "proxy-authorization: Basic {}\r\n",
                STANDARD.encode(text.as_str())
            ))
        }
    };
    let head = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{}\r\n", login.as_str());
    let head = Zeroizing::new(head);
    stream.write_all(head.as_bytes()).await.map_err(|error| error.to_string())?;
    answered(&mut stream).await.map_err(|error| error.to_string())?;
    Ok(stream)
}

/// Reads its head, and not a byte of what comes behind it.
async fn answered(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_CONNECT {
            return Err(io::Error::other("its answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    let line =
        String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default());
    match line.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        Some(status) => Err(io::Error::other(format!("it answered {status}"))),
        None => Err(io::Error::other("it answered with something else than HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_dead_or_refuses_is_not_waited_for() {
        let place = |last: u8| SocketAddr::from(([203, 0, 113, last], 443));
        let connect = |place: SocketAddr| async move {
            match place.ip().to_string().rsplit('.').next() {
                Some("1") => std::future::pending().await,
                Some("2") => Err(io::Error::other("refused")),
                _ => Ok(place),
            }
        };
        for (places, first) in [
            (&[3][..], Some(3)),
            (&[1, 3], Some(3)),
            (&[2, 3], Some(3)),
            (&[1, 2, 3], Some(3)),
            (&[2, 2], None),
            (&[], None),
        ] {
            let all = places.iter().copied().map(place).collect();
            let found = timeout(CONNECT, first_of(all, connect)).await;
            assert_eq!(found.unwrap().ok(), first.map(place), "{places:?}");
        }
        let why = first_of(vec![place(2)], connect).await.unwrap_err();
        assert_eq!(why.unwrap().to_string(), "refused");
    }

    #[tokio::test]
    async fn what_holds_a_port_of_loopback_is_ours_or_root_s() {
        for (uid, own, may) in [
            (Some(1000), Some(1000), true),
            (Some(0), Some(1000), true),
            (Some(1001), Some(1000), false),
            (Some(65_534), Some(0), false),
            (None, Some(1000), true),
            (None, None, true),
        ] {
            assert_eq!(may_have(uid, own).is_ok(), may, "{uid:?} {own:?}");
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert_eq!(is_ours(&stream).await, Ok(()));
    }
}
