//! Whoever is told: stand-ins for Slack, WeCom, a pager and tickets, on a loopback port.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The path of the incoming webhook, which is its secret.
pub const SLACK_PATH: &str = "/services/T0/B0/secret";

/// What WeCom gives tokens for.
pub const WECOM_SECRET: &str = "no-real_Secret0";

const WECOM_TOKEN: &str = "a-token";

/// What WeCom takes of Markdown, in bytes.
pub const WECOM_LIMIT: usize = 2048;

/// How long a message may take: group_wait, and a machine that is busy.
const TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(50);

/// All of them; they end when this is dropped.
pub struct Chats {
    pub address: SocketAddr,
    state: Arc<Mutex<Seen>>,
    server: AbortHandle,
}

/// What they have got.
#[derive(Default)]
struct Seen {
    messages: Vec<Message>,
    /// Calls of `gettoken`: corporation and secret.
    logins: Vec<(String, String)>,
}

/// A message, as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// `slack`, `wecom`, `page` or `ticket`.
    pub to: &'static str,
    pub body: Value,
}

impl Message {
    /// All that people read of it.
    pub fn text(&self) -> String {
        match self.to {
            "slack" => {
                let part = |name: &str| self.body["attachments"][0][name].as_str().unwrap_or("");
                format!("{}\n{}", part("title"), part("text"))
            }
            "wecom" => self.body["markdown"]["content"].as_str().unwrap_or("").to_owned(),
            _ => self.body.to_string(),
        }
    }
}

type Shared = State<Arc<Mutex<Seen>>>;

impl Chats {
    /// Starts them, on the current runtime.
    pub async fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(Seen::default()));
        let routes = Router::new()
            .route("/page", post(|state, body| told("page", state, body)))
            .route("/ticket", post(|state, body| told("ticket", state, body)))
            .route(SLACK_PATH, post(slack))
            .route("/cgi-bin/gettoken", get(token))
            .route("/cgi-bin/message/send", post(wecom))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, routes)).abort_handle();
        Ok(Self { address, state, server })
    }

    /// All that has come, in order.
    pub fn messages(&self) -> Vec<Message> {
        self.seen(|seen| seen.messages.clone())
    }

    /// What has come to one of them.
    pub fn messages_to(&self, to: &str) -> Vec<Message> {
        self.messages().into_iter().filter(|message| message.to == to).collect()
    }

    /// Corporation and secret of each call for a token.
    pub fn logins(&self) -> Vec<(String, String)> {
        self.seen(|seen| seen.logins.clone())
    }

    /// Waits until something `is` so of all messages; fails with them if it never is.
    pub async fn until<T>(&self, is: impl Fn(&[Message]) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let messages = self.messages();
            if let Some(found) = is(&messages) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                let texts = messages.iter().map(|it| format!("{}: {}\n", it.to, it.text()));
                bail!("not told so:\n{}", texts.collect::<String>());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the first message to one of them that has `text` in it.
    pub async fn message(&self, to: &str, text: &str) -> Result<Message> {
        self.until(|all| all.iter().find(|it| it.to == to && it.text().contains(text)).cloned())
            .await
    }

    /// Waits for the first message to one of them whose title names the alert.
    pub async fn message_about(&self, to: &str, alert: &str) -> Result<Message> {
        let about = |message: &Message| {
            let text = message.text();
            let mut words = text.lines().next().unwrap_or("").split([' ', '*']);
            message.to == to && words.any(|word| word == alert)
        };
        self.until(|all| all.iter().find(|it| about(it)).cloned()).await
    }

    fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Chats {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, routes: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(routes.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn take(state: &Mutex<Seen>, to: &'static str, body: Value) {
    let mut seen = state.lock().unwrap_or_else(PoisonError::into_inner);
    seen.messages.push(Message { to, body });
}

async fn told(to: &'static str, State(state): Shared, Json(body): Json<Value>) {
    take(&state, to, body);
}

async fn slack(State(state): Shared, uri: Uri, Json(body): Json<Value>) -> (StatusCode, String) {
    if !body["attachments"].is_array() || uri.query().is_some() {
        return (StatusCode::BAD_REQUEST, "invalid_payload".into());
    }
    take(&state, "slack", body);
    (StatusCode::OK, "ok".into())
}

/// A parameter of the query; the tests' own need no decoding.
fn parameter(uri: &Uri, name: &str) -> String {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|it| it.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map_or(String::new(), |(_, it)| it.to_owned())
}

/// <https://developer.work.weixin.qq.com/document/path/91039>
async fn token(State(state): Shared, uri: Uri) -> Json<Value> {
    let mut seen = state.lock().unwrap_or_else(PoisonError::into_inner);
    let secret = parameter(&uri, "corpsecret");
    let good = secret == WECOM_SECRET;
    seen.logins.push((parameter(&uri, "corpid"), secret));
    Json(match good {
        true => json!({ "errcode": 0, "errmsg": "ok", "expires_in": 7200,
                        "access_token": WECOM_TOKEN }),
        false => json!({ "errcode": 40001, "errmsg": "invalid credential" }),
    })
}

/// <https://developer.work.weixin.qq.com/document/path/90236>
async fn wecom(State(state): Shared, uri: Uri, Json(body): Json<Value>) -> Json<Value> {
    let length = body["markdown"]["content"].as_str().map(str::len);
    Json(match length {
        _ if parameter(&uri, "access_token") != WECOM_TOKEN => {
            json!({ "errcode": 42001, "errmsg": "expired" })
        }
        None | Some(0) => json!({ "errcode": 44004, "errmsg": "empty content" }),
        Some(length) if length > WECOM_LIMIT => {
            json!({ "errcode": 45002, "errmsg": "content size out of limit" })
        }
        Some(_) => {
            take(&state, "wecom", body);
            json!({ "errcode": 0, "errmsg": "ok" })
        }
    })
}
