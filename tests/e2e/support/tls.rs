//! A vendor behind TLS: a front that speaks it, with a certificate of the test's own authority, and
//! hands requests to a scripted vendor.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mock_vendor::MockVendor;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A year in which all certificates of the tests are valid.
pub const FUTURE: i32 = 2200;

/// An authority that nobody knows but who is told.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("it signs itself"))
    }

    /// Its certificate, as `LLM_CA_FILE` has it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this name, valid until this year, and what a server needs to show it.
    pub fn certify(&self, name: &str, until: i32) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("the authority signs");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's")
    }
}

/// The protocols that a vendor offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    One,
    Two,
}

/// A vendor behind TLS. It serves until it is dropped.
pub struct TlsVendor {
    vendor: MockVendor,
    address: SocketAddr,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
    serving: JoinHandle<()>,
}

impl TlsVendor {
    pub async fn start(mut config: ServerConfig, http: Http) -> Self {
        config.alpn_protocols = match http {
            Http::One => vec![b"http/1.1".to_vec()],
            Http::Two => vec![b"h2".to_vec()],
        };
        let vendor = MockVendor::start().await;
        let plain = vendor.url().trim_start_matches("http://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let handshakes = Arc::new(Mutex::new(Vec::new()));
        let seen = handshakes.clone();
        let serving = tokio::spawn(async move {
            // Dropped with this task, and with it all connections.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                connections.spawn(async move {
                    // Whoever doesn't trust the certificate leaves.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let kind = stream.get_ref().1.handshake_kind().expect("it has ended");
                    seen.lock().expect("no test panics here").push(kind);
                    match http {
                        Http::One => pass(stream, plain).await,
                        Http::Two => serve(stream, plain).await,
                    }
                });
            }
        });
        Self { vendor, address, handshakes, serving }
    }

    /// The scripted vendor behind it.
    pub fn vendor(&self) -> &MockVendor {
        &self.vendor
    }

    /// Its address, by a name of this machine.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The handshakes so far, one for each connection.
    pub fn handshakes(&self) -> Vec<HandshakeKind> {
        self.handshakes.lock().expect("no test panics here").clone()
    }
}

impl Drop for TlsVendor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A vendor behind TLS that answers the first request over HTTP/2 with one frame again and again.
pub struct Endless {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Endless {
    /// `begins` comes once, before what comes again and again.
    pub async fn start(mut config: ServerConfig, begins: Vec<u8>, again: Vec<u8>) -> Self {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let stream = acceptor.accept(stream).await.expect("TLS");
            // Whatever is wrong with the connection is its end.
            let _ = without_end(stream, &begins, &again).await;
        });
        Self { address, serving }
    }

    /// Its address, by a name of this machine.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// Waits until its connection has ended.
    pub async fn ended(&mut self) {
        (&mut self.serving).await.expect("it only writes");
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn without_end(
    stream: TlsStream<TcpStream>,
    begins: &[u8],
    again: &[u8],
) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut preface = [0; 24];
    reader.read_exact(&mut preface).await?;
    // Its settings, none of which it names.
    writer.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    loop {
        let mut head = [0; 9];
        reader.read_exact(&mut head).await?;
        let [a, b, c, kind, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        reader.read_exact(&mut payload).await?;
        if kind == HEADERS {
            break;
        }
    }
    writer.write_all(begins).await?;
    let many = again.repeat(100);
    let writes = async {
        loop {
            if let Err(error) = writer.write_all(&many).await {
                return error;
            }
        }
    };
    let mut unread = tokio::io::sink();
    tokio::select! {
        error = writes => Err(error),
        read = tokio::io::copy(&mut reader, &mut unread) => read.map(drop),
    }
}

/// Hands bytes over, both ways: what the vendor does to its connection, it does to this one.
async fn pass(mut client: TlsStream<TcpStream>, plain: SocketAddr) {
    if let Ok(mut vendor) = TcpStream::connect(plain).await {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut vendor).await;
    }
}

/// Speaks HTTP/2, and hands each request over on a connection of its own.
async fn serve(client: TlsStream<TcpStream>, plain: SocketAddr) {
    let service = service_fn(move |request| forward(request, plain));
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(client), service)
        .await;
}

async fn forward(
    request: Request<Incoming>,
    plain: SocketAddr,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(plain).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends when nobody waits for the response, or reads it on.
    tokio::spawn(connection);
    let (head, body) = request.into_parts();
    let body = http_body_util::Full::new(body.collect().await?.to_bytes());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut forwarded = Request::builder().method(head.method).uri(path).body(body)?;
    *forwarded.headers_mut() = head.headers;
    forwarded.headers_mut().insert("host", plain.to_string().parse()?);
    Ok(sender.send_request(forwarded).await?)
}
