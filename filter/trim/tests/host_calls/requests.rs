//! The requests of which the cost is held.

use super::worker::{Request, headers};

/// A request without a body, and a short answer to it.
pub fn get(path: &str) -> Request {
    Request {
        head: headers(&[(":method", "GET"), (":path", path), (":authority", "app")]),
        answer: headers(&[(":status", "200"), ("content-type", "text/plain")]),
        answer_body: b"hello".to_vec(),
        ..Request::default()
    }
}

/// A request with a body.
pub fn post(path: &str) -> Request {
    Request {
        head: headers(&[(":method", "POST"), (":path", path), (":authority", "app")]),
        body: vec![b'x'; 16 * 1024],
        ..get(path)
    }
}

/// A unary call of gRPC.
pub fn call(path: &str) -> Request {
    Request {
        head: headers(&[
            (":method", "POST"),
            (":path", path),
            (":authority", "app"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]),
        body: vec![0; 5],
        answer: headers(&[(":status", "200"), ("content-type", "application/grpc")]),
        // SERVING.
        answer_body: vec![0, 0, 0, 0, 2, 8, 1],
        trailers: headers(&[("grpc-status", "0")]),
    }
}

/// The same request to an application that announces that it closes.
pub fn announcing(mut request: Request) -> Request {
    request.answer.extend(headers(&[("connection", "close")]));
    request
}

/// The same request with another header.
pub fn with(mut request: Request, name: &str, value: &str) -> Request {
    request.head.extend(headers(&[(name, value)]));
    request
}

/// The same request with the answer of the loopback responder.
pub fn responder(mut request: Request) -> Request {
    request.answer = headers(&[(":status", "200"), ("x-heartbeat-responder", "true")]);
    request.answer_body = b"heartbeat\n".to_vec();
    request.trailers.clear();
    request
}
