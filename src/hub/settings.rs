//! What the environment says of the hub: where the cache is, which server to ask, with which token, or not to ask at all. The
//! variables are those of Hugging Face's own libraries.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::Cache;
use super::space::FreeSpace;
use crate::domain::{Error, Result};

/// The hub itself, where no mirror is set.
const ENDPOINT: &str = "https://huggingface.co";
/// The variable that forbids to send a token.
const NO_TOKEN: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";
/// Far longer than any token.
const MAX_TOKEN: u64 = 4096;

/// A secret that says who asks. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token of printable ASCII without blanks; nothing else can be sent.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// As the server wants to see it.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// How long to wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// Before the first new try; twice as long before each further one.
    pub pause: Duration,
    /// New tries in a row that bring no further byte.
    pub tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { connect: secs(15), stall: secs(60), pause: secs(1), tries: 3 }
    }
}

/// Where models are kept and where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder that holds `models--ORG--NAME`.
    pub cache: PathBuf,
    /// The server, without a slash at its end.
    pub endpoint: String,
    /// Who asks, if that is to be said.
    pub token: Option<Token>,
    /// Whether the environment forbids to send any token, even where one is set.
    pub withholds_token: bool,
    /// The variable that forbids the network, if one does.
    pub offline: Option<String>,
    /// How long to wait.
    pub patience: Patience,
    /// How the room on the disk is found out.
    pub free_space: FreeSpace,
}

impl Settings {
    /// With a cache, and all else as where no variable is set.
    pub fn at(cache: impl Into<PathBuf>) -> Self {
        let endpoint = ENDPOINT.to_owned();
        let (patience, free_space) = (Patience::default(), FreeSpace::default());
        Self { cache: cache.into(), endpoint, token: None, withholds_token: false, offline: None, patience, free_space }
    }

    /// What this process's environment says.
    pub fn from_env() -> Self {
        Self::read(|name| std::env::var_os(name), &std::env::home_dir().unwrap_or_default())
    }

    /// What an environment says.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>, home: &Path) -> Self {
        let set = |name: &str| variable(name).filter(|v| !v.is_empty());
        let folder = |name: &str| set(name).map(|path| expanded(PathBuf::from(path), home));
        let word = |name: &str| set(name).and_then(|v| v.into_string().ok());
        let ours = folder("HF_HOME")
            .unwrap_or_else(|| folder("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache")).join("huggingface"));
        let cache = folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE")).unwrap_or_else(|| ours.join("hub"));
        // With the libraries, only a caller's own token is sent then; here nobody gives one but by these variables and that file.
        let withholds_token = word(NO_TOKEN).is_some_and(|v| is_true(&v));
        let token = || {
            let token = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].iter().find_map(|name| Token::new(&word(name)?));
            token.or_else(|| read_token(&folder("HF_TOKEN_PATH").unwrap_or_else(|| ours.join("token"))))
        };
        let token = if withholds_token { None } else { token() };
        let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().find(|name| set(name).is_some());
        let offline = offline.filter(|name| word(name).is_some_and(|v| is_true(&v))).map(str::to_owned);
        let endpoint = word("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        Self { endpoint, token, withholds_token, offline, ..Self::at(cache) }
    }

    /// What to do for a token to be sent.
    pub(super) fn way_to_a_token(&self) -> String {
        let first = if self.withholds_token { format!("unset {NO_TOKEN} and ") } else { String::new() };
        format!("{first}set HF_TOKEN")
    }

    /// The models that are on this machine.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.cache)
    }

    /// The page of a model, for people.
    pub fn page(&self, id: &str) -> String {
        format!("{}/{id}", self.shown_endpoint())
    }

    /// The server, without the password that its address may hold.
    pub(super) fn shown_endpoint(&self) -> String {
        let (scheme, rest) = self.endpoint.split_once("://").unwrap_or(("", &self.endpoint));
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.rfind('@') {
            Some(at) if !scheme.is_empty() => format!("{scheme}://{}", &rest[at + 1..]),
            _ => self.endpoint.clone(),
        }
    }

    /// Whether the network may be used.
    ///
    /// # Errors
    /// A refusal that names the variable that forbids it.
    pub fn check_online(&self, id: &str) -> Result<()> {
        match &self.offline {
            None => Ok(()),
            Some(name) => Err(Error::refused(id, format!("nothing is downloaded while {name} is set"))
                .expected("a network that may be used")
                .remedy(format!("unset {name}, or open a folder or a model of the cache"))),
        }
    }
}

fn is_true(word: &str) -> bool {
    ["1", "true", "yes", "on"].iter().any(|yes| word.trim().eq_ignore_ascii_case(yes))
}

/// `~` is the home folder here, because no shell has read the variable.
fn expanded(path: PathBuf, home: &Path) -> PathBuf {
    path.strip_prefix("~").map(|rest| home.join(rest)).unwrap_or(path)
}

fn read_token(path: &Path) -> Option<Token> {
    let mut text = String::new();
    // A pipe would be waited for.
    std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    std::fs::File::open(path).ok()?.take(MAX_TOKEN).read_to_string(&mut text).ok()?;
    Token::new(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Settings {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Settings::read(variable, Path::new("/home/ada"))
    }

    #[test]
    fn the_cache_is_where_hugging_face_s_own_libraries_look() {
        let cache = |variables| read(variables).cache;
        assert_eq!(cache(&[]), Path::new("/home/ada/.cache/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c")]), Path::new("/c/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c"), ("HF_HOME", "~/hf")]), Path::new("/home/ada/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/models")]), Path::new("/models"));
        assert_eq!(cache(&[("HF_HOME", "")]), Path::new("/home/ada/.cache/huggingface/hub"));
    }

    #[test]
    fn passwords_are_not_shown() {
        for (endpoint, shown) in [
            ("https://ada:secret@mirror:8/hub@x", "https://mirror:8/hub@x"),
            ("https://mirror/hub@x", "https://mirror/hub@x"),
            ("nowhere at all", "nowhere at all"),
        ] {
            let settings = read(&[("HF_ENDPOINT", endpoint)]);
            assert_eq!((settings.endpoint.as_str(), settings.shown_endpoint().as_str()), (endpoint, shown));
            assert_eq!(settings.page("a/b"), format!("{shown}/a/b"));
        }
    }

    #[test]
    fn words_of_the_environment_are_read_and_tokens_never_shown() {
        assert_eq!(read(&[]).endpoint, "https://huggingface.co");
        assert_eq!(read(&[("HF_ENDPOINT", "https://mirror/ ")]).endpoint, "https://mirror");
        for (value, offline) in [("1", true), ("True", true), ("on", true), ("yes", true), ("0", false), ("", false)] {
            assert_eq!(read(&[("HF_HUB_OFFLINE", value)]).offline.is_some(), offline, "{value}");
            assert_eq!(read(&[("TRANSFORMERS_OFFLINE", value)]).offline.is_some(), offline, "{value}");
        }
        let settings = read(&[("HF_TOKEN", " hf_secret\n")]);
        assert_eq!(settings.token.as_ref().map(Token::header), Some("Bearer hf_secret".to_owned()));
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(read(&[("HF_TOKEN", "two\nlines")]).token, None);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hf_file\n").unwrap();
        let stored = ("HF_TOKEN_PATH", file.path().to_str().unwrap());
        assert_eq!(read(&[stored]).token, Token::new("hf_file"));
        for (value, sent) in [("1", false), ("yes", false), ("0", true), ("", true)] {
            let settings = read(&[stored, ("HF_TOKEN", "hf_secret"), (NO_TOKEN, value)]);
            assert_eq!((settings.token.is_some(), settings.withholds_token), (sent, !sent), "{value}");
            assert_eq!(settings.way_to_a_token() == "set HF_TOKEN", sent, "{value}");
        }
    }
}
