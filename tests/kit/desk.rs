//! The desk of an author: a folder, and the commands that are run in it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use tempfile::TempDir;
use tokio::sync::watch;

/// How long a build is waited for: the first one compiles crates, on a machine that tests keep
/// busy.
const PATIENCE: Duration = Duration::from_secs(600);

/// The server's executable, which hands over to the tools beside it.
fn arete() -> PathBuf {
    let name = format!("arete{}", std::env::consts::EXE_SUFFIX);
    let path = Path::new(env!("CARGO_BIN_EXE_arete-plugin")).with_file_name(name);
    assert!(path.is_file(), "{} isn't there: cargo build --package arete", path.display());
    path
}

/// A folder to work in, and the variables that compilers need. There are no others.
pub struct Desk(TempDir);

/// A command that runs, and what it has said so far.
pub struct Running {
    pub child: Child,
    pub stdout: Said,
    pub stderr: Said,
}

/// What comes out of a pipe. The flag says that nothing more will.
#[derive(Clone)]
pub struct Said(Arc<watch::Sender<(String, bool)>>);

impl Desk {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Changes a file of the project, as an editor does.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} should hold {from:?}");
        fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    /// Puts a file into the folder.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Starts `arete plugin` with these arguments.
    pub fn start(&self, args: &[&str]) -> Running {
        // Shared by all runs of these tests, so that crates are compiled once.
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
        let mut command = Command::new(arete());
        command
            .arg("plugin")
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("CARGO_NET_OFFLINE", "true");
        if matches!(args.first(), Some(&("build" | "dev"))) {
            command.arg("--tools").arg(tools);
        }
        let kept = [
            "PATH",
            "HOME",
            "CARGO",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "LLVM_PROFILE_FILE",
        ];
        command.envs(std::env::vars_os().filter(|(name, _)| kept.iter().any(|it| name == it)));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Said::read(child.stdout.take().unwrap());
        let stderr = Said::read(child.stderr.take().unwrap());
        Running { child, stdout, stderr }
    }

    /// Starts a command whose output nobody reads, as behind a `head` that has ended.
    pub fn start_with_closed_output(&self, args: &[&str]) -> Child {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(arete());
        command.arg("plugin").args(args).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command to its end.
    pub async fn run(&self, args: &[&str]) -> (bool, String, String) {
        let mut running = self.start(args);
        let status = running.ended().await;
        (status.success(), running.stdout.text(), running.stderr.text())
    }
}

impl Running {
    pub async fn ended(&mut self) -> ExitStatus {
        self.stdout.until("the end", |_, ended| ended).await;
        self.stderr.until("the end", |_, ended| ended).await;
        self.child.wait().unwrap()
    }

    /// Waits until standard output holds a text this many times.
    pub async fn says(&self, what: &str, times: usize) {
        let said = |text: &str, _: bool| times <= text.matches(what).count();
        let error = format!("{what:?}, {times} times, beside {}", self.stderr.text());
        self.stdout.until(&error, said).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    pub fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let said = Self(Arc::default());
        let sender = said.0.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..length]).into_owned();
                sender.send_modify(|(all, _)| all.push_str(&text));
            }
            sender.send_modify(|(_, ended)| *ended = true);
        });
        said
    }

    pub fn text(&self) -> String {
        self.0.borrow().0.clone()
    }

    pub async fn until(&self, what: &str, wanted: impl Fn(&str, bool) -> bool) {
        let mut changes = self.0.subscribe();
        let found = tokio::time::timeout(
            PATIENCE,
            changes.wait_for(|(text, ended)| wanted(text, *ended) || *ended),
        )
        .await;
        let (text, ended) = found.unwrap_or_else(|_| panic!("waited for {what}")).unwrap().clone();
        assert!(wanted(&text, ended), "it ended before {what}:\n{text}");
    }
}
