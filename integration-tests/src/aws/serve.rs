//! Connections, requests and the faults of the transport.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request as HttpRequest, Response};
use futures_util::{StreamExt as _, stream};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::answers::{self, World};
use super::fault::Fault;
use super::plan::{Plan, account, prepare};
use super::record::{Entry, Request};
use super::server::{Shared, State, lock};
use super::state::Moment;
use super::wire::{Call, Refusal, Reply, Scope, Service, Value, reply, wrong};

/// Serves connections; all of them end with this task.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else {
            // Too many open files, for example: others may close theirs.
            tokio::task::yield_now().await;
            continue;
        };
        // Small answers must not wait for the acknowledgement of earlier ones.
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { serve(&shared, request).await }
            });
            // An error here is a caller that went away, or a fault that was asked for.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// The end of a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct Cut;

/// Notes the end of a call, also when the caller goes away before the answer.
struct Running<'a> {
    shared: &'a Shared,
    entry: Entry,
    began: Instant,
    status: u16,
    metrics: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        lock(&self.shared.log).end(self.entry, self.status, self.metrics, took);
    }
}

async fn serve(shared: &Shared, request: HttpRequest<Incoming>) -> Result<Response<Body>, Cut> {
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), 16 << 20).await.map_err(|_| Cut)?;
    let scope = Scope::read(&head.headers);
    let Some(call) = Call::read(&head.uri, &head.headers, &body, scope.as_ref()) else {
        return Ok(whole(wrong(404, "no AWS service answers this request\n")));
    };
    let mut plan = prepare(shared, &call, scope.as_ref());
    let entry = lock(&shared.log).begin(Request {
        service: call.service.prefix(),
        action: call.action.clone(),
        region: call.region.clone(),
        account: plan.account.clone(),
        instances: call.instances().into_iter().map(str::to_owned).collect(),
        metrics: 0,
        status: 0,
        at: Moment::now(),
        took: Duration::ZERO,
    });
    let mut running = Running { shared, entry, began: Instant::now(), status: 0, metrics: 0 };
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    match plan.end {
        Some(Fault::Cut) => return Err(Cut),
        Some(Fault::Hang) => std::future::pending().await,
        _ => {}
    }
    let id = request_id(shared);
    let reply = if let Some(Fault::Status(status)) = plan.end {
        wrong(status, "")
    } else {
        let refused = plan.refusal.take();
        let result = refused.map_or_else(|| answer(shared, &call, &plan), Err);
        reply(&call, &result, &id)
    };
    running.status = reply.status;
    running.metrics = if reply.status == 200 { billed(&call) } else { 0 };
    Ok(match plan.end {
        Some(Fault::Half) => half(reply),
        Some(Fault::Flood) => {
            let part = Bytes::from(vec![b' '; 1 << 16]);
            Response::new(Body::from_stream(stream::repeat(Ok::<_, std::convert::Infallible>(part))))
        }
        Some(Fault::Garble) => whole(reply.garbled()),
        _ => whole(reply),
    })
}

fn answer(shared: &Shared, call: &Call, plan: &Plan) -> Result<Value, Refusal> {
    let State { account: root, sessions, served } = &mut *lock(&shared.state);
    let Some(caller) = &plan.caller else { return Err(Refusal::anonymous(call)) };
    let mut value = if call.service == Service::Sts {
        sessions.answer(call, caller, root)?
    } else {
        let world =
            World { account: account(root, &caller.account), region: &call.region, now: Moment::now() };
        if plan.endless {
            answers::answer(&call.first_page(), world)?.with_next(*served)
        } else {
            answers::answer(call, world)?
        }
    };
    for (status, instance) in &plan.results {
        value.set_status(&call.queries_about(instance.as_deref()), status);
    }
    for field in &plan.long {
        value.lengthen(field);
    }
    for (field, instance) in &plan.drops {
        match instance {
            Some(instance) if !call.instances().contains(&&**instance) => {
                value.drop_field_of(instance, field);
            }
            _ => {
                value.drop_field(field);
            }
        }
    }
    Ok(if plan.empty { Value::Map(Vec::new()) } else { value })
}

fn billed(call: &Call) -> u64 {
    if call.service != Service::CloudWatch || call.action != "GetMetricData" {
        return 0;
    }
    call.metric_queries() as u64
}

fn request_id(shared: &Shared) -> String {
    let mut state = lock(&shared.state);
    state.served += 1;
    format!("00000000-0000-4000-8000-{:012x}", state.served)
}

fn whole(reply: Reply) -> Response<Body> {
    let length = reply.body.len();
    let body = Body::from(reply.body.clone());
    reply.response(body, length)
}

/// The headers promise the whole body, half of it comes.
fn half(reply: Reply) -> Response<Body> {
    let length = reply.body.len();
    let part = reply.body[..length / 2].to_vec();
    let part = stream::iter([Ok::<_, std::io::Error>(part)]);
    // What is in the buffer is sent while the stream makes a pause; an error at once would take it along.
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(std::io::ErrorKind::ConnectionReset.into())
    });
    let parts = part.chain(end);
    reply.response(Body::from_stream(parts), length)
}
