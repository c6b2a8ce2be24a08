//! How a test sets the server up before it starts.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock};
use std::{fs, thread};

use mock_vendor::MockVendor;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use super::{App, KEY, code, within};

/// A server that isn't started yet: settings, a folder of its own, what lies in it.
#[derive(Clone)]
pub struct Builder {
    settings: BTreeMap<String, String>,
    /// The working directory. Data and plugins are in it. Removed with the last that holds it.
    dir: Arc<TempDir>,
    args: Vec<String>,
    /// True if it shares compiled code with the servers of other tests.
    shares_code: bool,
    /// The most descriptors that the process may have, if they are bounded.
    descriptors: Option<u32>,
}

/// A process that has ended.
pub struct Run {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl App {
    /// A server with nothing set: no key, so `claude` can't answer, and `echo` is the default.
    pub fn with_echo() -> Builder {
        App::bare().set("LLM_DEFAULT_PROVIDER", "echo")
    }

    /// A server whose `claude` asks this vendor, and retries almost at once.
    pub fn with_vendor(vendor: &MockVendor) -> Builder {
        App::bare()
            .set("ANTHROPIC_BASE_URL", vendor.url())
            .set("ANTHROPIC_API_KEY", KEY)
            .set("LLM_RETRY_DELAY", "1ms")
    }

    /// A server with only what every test needs: a free port, its own folder, logs that can be
    /// read.
    pub fn bare() -> Builder {
        let dir = TempDir::new().expect("a temporary folder");
        let builder = Builder {
            settings: BTreeMap::new(),
            dir: Arc::new(dir),
            args: Vec::new(),
            shares_code: true,
            descriptors: None,
        };
        // Many starts at once can be slow; a test that begins finds all its providers.
        let builder = builder.set("LLM_START_WAIT", "5m");
        builder.set("PORT", "0").set("LOG_FORMAT", "json")
    }
}

impl Builder {
    /// Sets a variable of the environment, which holds nothing else.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Puts a file into the working directory, such as `.env`.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.dir().join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("the folder can be made");
        fs::write(path, content).expect("a file can be written");
        self
    }

    /// Drops a component into the folder of plugins: the provider `<file's name>`.
    pub fn plugin(self, component: &str) -> Self {
        let name = Path::new(component)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a component has a name");
        let bytes = fs::read(component).expect("fixtures are compiled before the tests");
        self.plugin_file(name, bytes)
    }

    /// Turns all bundled providers off but `echo`: to compile them is most of a start, and not
    /// every test asks them.
    pub fn only_echo(self) -> Self {
        let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plugin/bundled");
        let files = fs::read_dir(bundled).expect("the definitions of what is bundled are there");
        let names = files.map(|file| {
            file.expect("an entry").file_name().into_string().expect("a name in UTF-8")
        });
        names.filter(|name| name.ends_with(".toml") && name != "echo.toml").fold(
            self,
            |app, name| {
                app.file(&format!("plugins/{name}"), "enabled = false\n")
                    .set("LLM_PLUGIN_DIR", "plugins")
            },
        )
    }

    /// Defines the provider `id` by a file: it is made of this component, and the rest is as these
    /// lines say.
    pub fn provider(self, id: &str, component: &str, lines: &str) -> Self {
        let name = Path::new(component)
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a component has a name");
        let bytes = fs::read(component).expect("fixtures are compiled before the tests");
        let file = format!("component = {name:?}\n{lines}");
        self.file(&format!("plugins/{name}"), bytes)
            .file(&format!("plugins/{id}.toml"), file)
            .set("LLM_PLUGIN_DIR", "plugins")
    }

    /// Drops a file into the folder of plugins, whatever is in it: the provider `name`.
    pub fn plugin_file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.file(&format!("plugins/{name}.wasm"), content).set("LLM_PLUGIN_DIR", "plugins")
    }

    /// Compiles all components itself, and shares none of their code with other tests.
    pub fn own_code(mut self) -> Self {
        self.shares_code = false;
        self
    }

    /// Gives the process no more than so many descriptors.
    pub fn descriptors(mut self, descriptors: u32) -> Self {
        self.descriptors = Some(descriptors);
        self
    }

    /// Runs a command of the binary instead of `serve`.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self
    }

    /// The working directory. Data is in `data` below it.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Starts the server and waits until it listens.
    pub async fn start(&self) -> App {
        App::spawn(self.clone()).await
    }

    /// Runs the process until it ends by itself.
    pub async fn run(&self) -> Run {
        let _turn = turn().await;
        let mut child =
            Killed(self.command().stdout(Stdio::piped()).spawn().expect("the binary starts"));
        let stdout = read(child.0.stdout.take().expect("its standard output is piped"));
        let stderr = read(child.0.stderr.take().expect("its standard error is piped"));
        let (stdout, stderr) =
            within("the process to end", async { (stdout.await, stderr.await) }).await;
        let status = child.0.wait().expect("a process that ended has a status");
        Run {
            status,
            stdout: stdout.expect("not cancelled"),
            stderr: stderr.expect("not cancelled"),
        }
    }

    /// Gives a server that is about to start the code that other tests have compiled.
    pub(super) fn lend_code(&self) {
        if self.shares_code {
            code::lend(&self.dir().join("data/code"));
        }
    }

    /// Gives other tests the code that a server has compiled.
    pub(super) fn share_code(&self) {
        if self.shares_code {
            code::share(&self.dir().join("data/code"));
        }
    }

    pub(super) fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_arete");
        let mut command = match self.descriptors {
            None => Command::new(binary),
            Some(descriptors) => {
                // The shell becomes the server, so the process is the same.
                let mut shell = Command::new("/bin/sh");
                let script = "ulimit -n \"$1\" && shift && exec \"$@\"";
                shell.args(["-c", script, "sh", &descriptors.to_string(), binary]);
                shell
            }
        };
        command.args(&self.args).current_dir(self.dir.path()).env_clear().envs(&self.settings);
        // Where a coverage run wants its counts.
        command.envs(std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

/// A process that doesn't outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All that comes out of a pipe until the process ends.
fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A start keeps a core busy: no more of them at once than there are cores, however many tests run.
/// Waiting for one's turn isn't part of what a start may take.
pub(super) async fn turn() -> SemaphorePermit<'static> {
    static TURNS: LazyLock<Semaphore> =
        LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));
    TURNS.acquire().await.expect("the semaphore is never closed")
}
