//! HTTP/1.1 as far as a Socket.IO client needs it.

use anyhow::{Context, bail};

/// What a browser says of itself; the length is what matters.
const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
Safari/537.36\r\nOrigin: http://localhost\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\n";

/// A request for a websocket.
pub fn upgrade(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{BROWSER}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A polling request for what has come.
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nAccept: */*\r\n{BROWSER}\r\n")
}

/// A polling request that brings packets.
pub fn post(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nAccept: */*\r\n{BROWSER}\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request that brings JSON.
pub fn post_json(target: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nAccept: */*\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One whole answer at the head of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// 200, 101 …
    pub status: u16,
    /// What it brought.
    pub body: &'a [u8],
    /// How many bytes it takes altogether.
    pub length: usize,
}

/// The answer at the head of `bytes`; none when it is not whole yet.
///
/// # Errors
/// When it is no HTTP, or has no length.
pub fn read(bytes: &[u8]) -> anyhow::Result<Option<Answer<'_>>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes).context("the answer is no HTTP")? else {
        return Ok(None);
    };
    let status = head.code.unwrap_or(0);
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let length = match header("content-length") {
        Some(length) => std::str::from_utf8(length.value)?.trim().parse()?,
        None if status == 101 => 0,
        None => bail!("an answer without Content-Length, status {status}"),
    };
    let whole = bytes.get(start..start + length);
    Ok(whole.map(|body| Answer { status, body, length: start + length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1";
        let answer = read(bytes).unwrap().unwrap();
        assert_eq!((answer.status, answer.body, answer.length), (200, &b"hello"[..], bytes.len() - 8));
        assert_eq!(read(&bytes[..41]).unwrap(), None);
        assert_eq!(read(&bytes[..20]).unwrap(), None);
        assert!(read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn an_upgrade_has_no_body() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81";
        assert_eq!(read(answer).unwrap().unwrap().length, answer.len() - 1);
    }
}
