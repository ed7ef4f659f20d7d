//! An HTTP/1.1 server by hand, for what hyper's can't do: what it does when
//! it is asked to close a connection, and answers that are no HTTP.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, BytesMut};
use http_body_util::BodyExt;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::header::{Entry, TRANSFER_ENCODING};
use hyper::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::behaviour::OnClose;
use super::connection::Connection;

/// Bytes in the place of an answer: an extension of a response.
#[derive(Clone, Debug)]
pub struct Raw(pub Vec<u8>);

/// How much later than its answer a server closes that takes its time.
const LATE: Duration = Duration::from_millis(5);

/// Serves a connection until it is closed, by either side.
pub async fn serve(
    mut stream: TcpStream,
    routes: Router,
    on_close: OnClose,
    connection: &Connection,
) -> Result<()> {
    let mut read = BytesMut::new();
    while let Some(mut request) = next_request(&mut stream, &mut read).await? {
        request.extensions_mut().insert(connection.clone());
        let asked = has(request.headers(), CONNECTION, "close");
        let bodiless = request.method() == Method::HEAD;
        let Ok(mut answer) = routes.clone().oneshot(request).await;
        if let Some(Raw(bytes)) = answer.extensions_mut().remove() {
            stream.write_all(&bytes).await?;
            return Ok(());
        }
        if asked && on_close == OnClose::Announce {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        write(&mut stream, answer, bodiless).await?;
        match on_close {
            OnClose::Announce | OnClose::Silent if asked => return Ok(()),
            OnClose::Late if asked => {
                tokio::time::sleep(LATE).await;
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

fn has(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
}

/// The next request, with its body; `None` where no more come.
async fn next_request(
    stream: &mut TcpStream,
    read: &mut BytesMut,
) -> Result<Option<Request<Body>>> {
    const END: &[u8] = b"\r\n\r\n";
    let end = loop {
        if let Some(end) = read.windows(END.len()).position(|window| window == END) {
            break end;
        }
        if stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    };
    let head = read.split_to(end + END.len());
    let head = std::str::from_utf8(&head[..end])?;
    let mut lines = head.split("\r\n");
    let mut line = lines.next().unwrap_or_default().split(' ');
    let mut request = Request::builder()
        .method(line.next().unwrap_or_default())
        .uri(line.next().unwrap_or_default());
    for line in lines {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        request = request.header(name, value.trim());
    }
    let headers = request.headers_ref().context("no request")?;
    ensure!(!headers.contains_key(TRANSFER_ENCODING), "bodies are to have a length here");
    let length = headers.get(CONTENT_LENGTH).map_or(Ok("0"), HeaderValue::to_str)?.parse()?;
    while read.len() < length {
        ensure!(stream.read_buf(read).await? > 0, "a body that ends too soon");
    }
    Ok(Some(request.body(Body::from(read.split_to(length).freeze()))?))
}

async fn write(stream: &mut TcpStream, answer: Response, bodiless: bool) -> Result<()> {
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    if let Entry::Vacant(length) = head.headers.entry(CONTENT_LENGTH) {
        length.insert(body.len().into());
    }
    let mut bytes = BytesMut::new();
    bytes.put_slice(format!("HTTP/1.1 {}\r\n", head.status).as_bytes());
    for (name, value) in &head.headers {
        bytes.put_slice(format!("{name}: ").as_bytes());
        bytes.put_slice(value.as_bytes());
        bytes.put_slice(b"\r\n");
    }
    bytes.put_slice(b"\r\n");
    if !bodiless {
        bytes.put_slice(&body);
    }
    Ok(stream.write_all(&bytes).await?)
}
