//! The baseline of `make bench-fanout`: a plain socketioxide server, written the way its documentation shows.
//!
//! `plain-socketioxide PORT REDIS_PORT` listens on 127.0.0.1, lets clients subscribe as laravel-echo does, and emits what
//! Laravel's Redis broadcaster publishes. Nothing is tuned, and nothing is checked that Laravel would want checked.

use anyhow::Context;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{Data, SocketRef},
};

/// What laravel-echo sends with `subscribe`.
#[derive(Deserialize)]
struct Subscribe {
    channel: String,
}

/// What Laravel's Redis broadcaster publishes.
#[derive(Deserialize)]
struct Message {
    event: String,
    data: Value,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut port = || -> anyhow::Result<u16> {
        arguments.next().context("usage: plain-socketioxide PORT REDIS_PORT")?.parse().context("a port is a number")
    };
    let (port, redis_port) = (port()?, port()?);

    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("subscribe", async |socket: SocketRef, Data(asked): Data<Subscribe>| socket.join(asked.channel));
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tokio::spawn(emit_published(io, redis_port));
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}

/// Emits what is published until Redis goes away.
async fn emit_published(io: SocketIo, redis_port: u16) -> anyhow::Result<()> {
    let redis = redis::Client::open(format!("redis://127.0.0.1:{redis_port}/"))?;
    let mut subscription = redis.get_async_pubsub().await?;
    subscription.psubscribe("*").await?;
    let mut published = subscription.on_message();
    while let Some(message) = published.next().await {
        let channel = message.get_channel_name().to_owned();
        let Ok(Message { event, data }) = serde_json::from_slice(message.get_payload_bytes()) else { continue };
        // An error means that some socket's buffer is full: that socket has a hole then, as it would have in production.
        let _ = io.to(channel.clone()).emit(event, &(channel, data)).await;
    }
    Ok(())
}
