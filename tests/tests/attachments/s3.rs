//! A server that speaks S3, on a port of its own over a temporary folder; it can be stopped, started again and made to lose its
//! answers.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    Body, HttpError,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tests::{care, database::Kind, house::lasting_port, world::World};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use worker::config::{Attachments, Secret};

/// The secret of who signs in.
pub const SECRET: &str = "hunter2-and-more";

/// A server with an empty bucket, stopped with this.
pub struct S3 {
    folder: tempfile::TempDir,
    port: u16,
    serving: Option<JoinHandle<()>>,
    /// Whether it does what it is asked to and hangs up instead of answering.
    pub loses_answers: Arc<AtomicBool>,
}

impl S3 {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("handrail")).unwrap();
        let mut server = Self {
            folder,
            port: lasting_port(),
            serving: None,
            loses_answers: Arc::default(),
        };
        server.restart().await;
        server
    }

    /// Ends it at once, with all its connections.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            assert!(serving.await.unwrap_err().is_cancelled());
        }
    }

    /// Starts it again where it was, with what it kept.
    pub async fn restart(&mut self) {
        let mut service = S3ServiceBuilder::new(FileSystem::new(self.folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("handrail", SECRET));
        let (service, loses_answers) = (service.build(), self.loses_answers.clone());
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.serving = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (service, loses_answers) = (service.clone(), loses_answers.clone());
                let service =
                    service_fn(move |request| answer(service.clone(), loses_answers.load(Ordering::SeqCst), request));
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // Whoever hangs up is gone.
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        }));
    }

    /// The keys of `attachments` that name its bucket, as the environment writes them.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("ATTACHMENTS__BUCKET", "s3://handrail/files/ours".to_owned()),
            ("ATTACHMENTS__ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("ATTACHMENTS__ACCESS_KEY_ID", "handrail".to_owned()),
            ("ATTACHMENTS__SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// Lets attached files be kept in its bucket.
    pub fn configure(&self, attachments: &mut Attachments) {
        let [bucket, endpoint, access_key_id, secret] = self.settings().map(|(_, value)| value);
        attachments.bucket = Some(bucket);
        attachments.endpoint = Some(endpoint);
        attachments.access_key_id = Some(access_key_id);
        attachments.secret_access_key = Some(Secret::new(secret));
    }

    /// A world with the program of the tests, whose files are kept in its bucket.
    pub async fn world(&self, kind: Kind, now: DateTime<Utc>) -> World {
        let world = World::configured(kind, now, |config| self.configure(&mut config.attachments)).await;
        care::import_program(&world.store).await;
        world
    }

    /// The folder in which it keeps the files.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("handrail/files/ours")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Does what is asked, and answers unless the answer is to be lost.
async fn answer(
    service: S3Service,
    loses_answers: bool,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    // This server makes what is missing; others say that it is.
    if !request.uri().path().starts_with("/handrail/") {
        let told = Body::from("<Error><Code>NoSuchBucket</Code><Message>It is not there.</Message></Error>".to_owned());
        let mut missing = Response::new(told);
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return Ok(missing);
    }
    let response = service.call(request.map(Body::from)).await;
    match loses_answers {
        true => Err(HttpError::new("the answer is lost".into())),
        false => response,
    }
}
