//! `database: sqlite`: laravel-echo-server's table `key_value`, for whoever reads that file.
//!
//! The file belongs to one process: what stands in it at the start was left behind by a process that is gone, and is cleared.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{
    Store,
    queue::{Queue, Task},
};
use crate::{
    channel::ChannelName,
    counters::Counters,
    presence::{Members, Presence},
};

/// How long a reader may keep the file locked before a write is given up.
const BUSY: Duration = Duration::from_secs(2);

/// How long the HTTP API waits for the list.
const READ: Duration = Duration::from_secs(1);

/// How long a failed write waits for the next try.
const RETRY: Duration = Duration::from_secs(1);

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Its folder does not exist and cannot be made.
    #[error("databaseConfig.sqlite.databasePath: cannot make the folder of {path}: {error}")]
    Folder {
        /// The file's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// SQLite does not take it.
    #[error("databaseConfig.sqlite.databasePath: {path}: {error}")]
    File {
        /// The file's path.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
}

/// Keeps lists in a SQLite file.
pub(super) struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    presence: Arc<Presence>,
    counters: Arc<Counters>,
    file: Mutex<Connection>,
}

impl SqliteStore {
    /// Keeps lists in the file that [`open`] has opened, which nobody else does any more.
    pub(super) fn begin(file: Connection, presence: Arc<Presence>, counters: Arc<Counters>) -> Self {
        let queue = Queue::default();
        if let Err(error) = clear(&file) {
            tracing::warn!(%error, "the presence lists of the last sidecar cannot be taken out of SQLite yet");
            queue.rewrite();
        }
        let shared = Arc::new(Shared { queue, presence, counters, file: Mutex::new(file) });
        tokio::spawn(write(shared.clone()));
        Self { shared }
    }
}

/// Opens the file, making it, its folder and its table where they are missing. Its lists stay as they are.
pub(super) fn open(path: &Path) -> Result<Connection, SqliteError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        fs::create_dir_all(folder).map_err(|error| SqliteError::Folder { path: path.into(), error })?;
        tracing::info!(folder = %folder.display(), "made the folder of the presence database");
    }
    prepare(path).map_err(|error| SqliteError::File { path: path.into(), error })
}

impl Store for SqliteStore {
    fn save(&self, channel: &ChannelName, _: &Members) {
        self.shared.queue.mark(channel);
    }

    fn read<'a>(&'a self, channel: &'a ChannelName) -> BoxFuture<'a, Option<Vec<Value>>> {
        Box::pin(async move {
            if !self.shared.queue.settled(channel, READ).await {
                return None;
            }
            let (shared, key) = (self.shared.clone(), key(channel));
            let reading = tokio::task::spawn_blocking(move || get(&shared.file.lock(), &key));
            let text = reading.await.ok()?.ok()?;
            text.map_or(Some(Vec::new()), |text| serde_json::from_str(&text).ok())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.shared.queue.close())
    }
}

/// No write-ahead log: whoever reads the file needs no right to write beside it.
fn prepare(path: &Path) -> rusqlite::Result<Connection> {
    let file = Connection::open(path)?;
    file.busy_timeout(BUSY)?;
    file.pragma_update(None, "synchronous", "NORMAL")?;
    file.execute_batch(
        "BEGIN IMMEDIATE; -- which fails where nothing may be written
         CREATE TABLE IF NOT EXISTS key_value (key VARCHAR(255), value TEXT);
         CREATE UNIQUE INDEX IF NOT EXISTS key_index ON key_value (key);
         COMMIT;",
    )?;
    Ok(file)
}

/// The one task that writes.
async fn write(shared: Arc<Shared>) {
    let mut complained = false;
    loop {
        let task = shared.queue.next().await;
        let is_last = task == Task::Close;
        let worker = shared.clone();
        let done = tokio::task::spawn_blocking(move || worker.perform(&task)).await;
        match done {
            Ok(Ok(())) => complained = false,
            Ok(Err(error)) => {
                shared.counters.refused_presence_writes.add();
                if !std::mem::replace(&mut complained, true) {
                    tracing::error!(%error, "a presence list cannot be written to SQLite; trying again until it can");
                }
                if !is_last {
                    tokio::time::sleep(RETRY).await;
                    shared.queue.rewrite(); // the one that failed included
                }
            }
            Err(_) => tracing::error!("writing a presence list to SQLite ended early"),
        }
        if is_last {
            return shared.queue.closed();
        }
        shared.queue.written();
    }
}

impl Shared {
    fn perform(&self, task: &Task) -> rusqlite::Result<()> {
        let mut file = self.file.lock();
        match task {
            Task::Write(channel) => self.put(&file, channel),
            Task::WriteAll => {
                let all = file.transaction()?;
                clear(&all)?;
                for channel in self.presence.channels() {
                    self.put(&all, &channel)?;
                }
                all.commit()
            }
            Task::Close => clear(&file),
        }
    }

    fn put(&self, file: &Connection, channel: &ChannelName) -> rusqlite::Result<()> {
        let list = Value::Array(self.presence.stored(channel)).to_string();
        let mut statement = file.prepare_cached("INSERT OR REPLACE INTO key_value (key, value) VALUES (?1, ?2)")?;
        statement.execute(params![key(channel), list])?;
        Ok(())
    }
}

/// Makes every list empty.
fn clear(file: &Connection) -> rusqlite::Result<()> {
    let lists = "key LIKE 'presence-%:members' AND value <> '[]'";
    file.execute(&format!("UPDATE key_value SET value = '[]' WHERE {lists}"), [])?;
    Ok(())
}

fn get(file: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    file.query_row("SELECT value FROM key_value WHERE key = ?1", [key], |row| row.get(0)).optional()
}

fn key(channel: &ChannelName) -> String {
    format!("{channel}:members")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use serde_json::json;

    struct Bench {
        presence: Arc<Presence>,
        store: SqliteStore,
    }

    impl Bench {
        fn open(path: &Path) -> Self {
            let presence = Arc::new(Presence::default());
            let store = SqliteStore::begin(super::open(path).unwrap(), presence.clone(), Arc::default());
            Self { presence, store }
        }

        fn join(&self, name: &str, socket: &str) {
            let member = json!({"user_id": socket, "user_info": []}).as_object().unwrap().clone();
            self.presence.with(&channel(name), |members| {
                members.join(&socket.into(), member);
                self.store.save(&channel(name), members);
            });
        }

        fn leave(&self, name: &str, socket: &str) {
            self.presence.with(&channel(name), |members| {
                members.leave(&socket.into());
                self.store.save(&channel(name), members);
            });
        }
    }

    /// As another process reads it.
    fn value(path: &Path, name: &str) -> Option<String> {
        get(&Connection::open(path).unwrap(), &format!("{name}:members")).unwrap()
    }

    #[tokio::test]
    async fn others_read_the_list_in_the_old_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("database/of/ours.sqlite");
        let bench = Bench::open(&path);
        bench.join("presence-x", "a");
        bench.join("presence-x", "b");
        let read = bench.store.read(&channel("presence-x")).await.unwrap();
        assert_eq!(read.len(), 2);
        let text = r#"[{"user_id":"a","user_info":[],"socketId":"a"},{"user_id":"b","user_info":[],"socketId":"b"}]"#;
        assert_eq!(value(&path, "presence-x").as_deref(), Some(text));
        bench.leave("presence-x", "a");
        bench.leave("presence-x", "b");
        assert_eq!(bench.store.read(&channel("presence-x")).await, Some(vec![]));
        assert_eq!(value(&path, "presence-x").as_deref(), Some("[]"));
        let index: String = Connection::open(&path)
            .unwrap()
            .query_row("SELECT sql FROM sqlite_master WHERE name = 'key_index'", [], |row| row.get(0))
            .unwrap();
        assert!(index.contains("UNIQUE"));
    }

    #[tokio::test]
    async fn nobody_stays_after_a_stop_nor_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ours.sqlite");
        let bench = Bench::open(&path);
        bench.join("presence-x", "a");
        assert_eq!(bench.store.read(&channel("presence-x")).await.unwrap().len(), 1);
        bench.store.close().await;
        assert_eq!(value(&path, "presence-x").as_deref(), Some("[]"));

        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "INSERT INTO key_value VALUES ('presence-y:members', '[{\"user_id\":9}]'), ('other', 'kept')",
            )
            .unwrap();
        // One that may yet fail to start, beside a sidecar whose lists these are.
        let _other = super::open(&path).unwrap();
        assert_eq!(value(&path, "presence-y").as_deref(), Some("[{\"user_id\":9}]"));
        let _next = Bench::open(&path);
        assert_eq!(value(&path, "presence-y").as_deref(), Some("[]"));
        assert_eq!(get(&Connection::open(&path).unwrap(), "other").unwrap().as_deref(), Some("kept"));
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "not a database, but long enough to have a header of some kind ".repeat(20)).unwrap();
        let error = super::open(&path).unwrap_err().to_string();
        assert!(error.contains("databaseConfig.sqlite.databasePath") && error.contains("text"), "{error}");
        let error = super::open(&path.join("below")).unwrap_err().to_string();
        assert!(error.contains("databaseConfig.sqlite.databasePath"), "{error}");
    }
}
