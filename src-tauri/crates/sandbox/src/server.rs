//! The HTTP server: reads a request to its end, plays faults, writes the reply. Holds no lock across
//! an await.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::call::{Call, Reply};
use crate::control;
use crate::encode::http_date;
use crate::faults::Kind;
use crate::routes;
use crate::sandbox::Shared;

/// Accepts until the runtime ends.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => connection(stream, shared).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => connection(stream, shared).await,
                    Err(error) => tracing::debug!(%error, "TLS handshake failed"),
                },
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| serve(request, Arc::clone(&shared)));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// An error drops the connection without an answer.
async fn serve(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Out>, io::Error> {
    let call = read(request).await?;
    if call.path.starts_with(control::PREFIX) {
        return response(control::serve(&shared, &call));
    }
    let _under_way = Refreshing::begin(&shared, &call);
    let fault = shared.with(|world| routes::fault(world, &call));
    let Some(kind) = fault else {
        return response(shared.with(|world| routes::serve(world, &call, None)));
    };
    let dropped = || io::Error::new(io::ErrorKind::ConnectionReset, "as told");
    if !kind.serves() {
        let reply = shared.with(|world| {
            let now = world.now();
            let reply = kind.reply(now).map(|reply| reply.with("date", http_date(now / 1000)));
            routes::note_unserved(world, &call, &kind, reply.as_ref().map_or(0, |r| r.status));
            reply
        });
        if kind == Kind::Hang {
            std::future::pending::<Infallible>().await;
        }
        return reply.map_or_else(|| Err(dropped()), response);
    }
    let gate = shared.gate();
    match kind {
        Kind::Delay { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
        Kind::HoldBefore => {
            let unserved = Unserved { shared: &shared, call: &call, kind: &kind };
            shared.hold(gate.clone()).await;
            std::mem::forget(unserved);
        }
        _ => {}
    }
    let mut reply = shared.with(|world| routes::serve(world, &call, Some(&kind)));
    match kind {
        Kind::Late { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
        Kind::HoldAfter => shared.hold(gate).await,
        Kind::ResetAfter => return Err(dropped()),
        _ => kind.disfigure(&mut reply),
    }
    response(reply)
}

/// A held request whose client goes away before it is served: it came in, and stands in the log.
struct Unserved<'a> {
    shared: &'a Shared,
    call: &'a Call,
    kind: &'a Kind,
}

impl Drop for Unserved<'_> {
    fn drop(&mut self) {
        self.shared.with(|world| routes::note_unserved(world, self.call, self.kind, 0));
    }
}

/// Counts a refresh until it is answered or its client is gone.
struct Refreshing<'a>(&'a Shared);

impl<'a> Refreshing<'a> {
    fn begin(shared: &'a Shared, call: &Call) -> Option<Self> {
        (call.param("grant_type").as_deref() == Some("refresh_token")).then(|| {
            shared.with(|world| {
                world.refreshing += 1;
                world.most_refreshing = world.most_refreshing.max(world.refreshing);
            });
            Self(shared)
        })
    }
}

impl Drop for Refreshing<'_> {
    fn drop(&mut self) {
        self.0.with(|world| world.refreshing -= 1);
    }
}

/// More than any form of ours.
const LARGEST_BODY: usize = 1 << 20;

async fn read(request: Request<Incoming>) -> Result<Call, io::Error> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > LARGEST_BODY {
            return Err(io::Error::other("the body is too large"));
        }
    }
    let header = |name: &str| head.headers.get(name)?.to_str().ok().map(str::to_owned);
    Ok(Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        authorization: header("authorization"),
        cookie: header("cookie"),
        dpop: header("dpop"),
    })
}

fn response(reply: Reply) -> Result<Response<Out>, io::Error> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    let mut bytes = Bytes::from(reply.body);
    if reply.gzip {
        builder = builder.header("content-encoding", "gzip");
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&bytes)?;
        bytes = Bytes::from(packer.finish()?);
    }
    if reply.cut {
        bytes.truncate(bytes.len() / 2);
    }
    let body = Out { bytes: Some(bytes), cut: reply.cut, paused: false };
    builder.body(body).map_err(io::Error::other)
}

/// A whole body, or half of one and then an error that ends the connection.
struct Out {
    bytes: Option<Bytes>,
    cut: bool,
    paused: bool,
}

impl Body for Out {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(match self.bytes.take() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            // The half that stands is written before the connection breaks.
            None if self.cut && !std::mem::replace(&mut self.paused, true) => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            None if self.cut => Some(Err(io::Error::other("cut as told"))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.cut
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match &self.bytes {
            Some(bytes) if !self.cut => hyper::body::SizeHint::with_exact(bytes.len() as u64),
            _ => hyper::body::SizeHint::default(),
        }
    }
}
