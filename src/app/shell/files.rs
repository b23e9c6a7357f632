//! Files that the user names: dialogs, dropped files, pasted pictures, sessions and figures. Dialogs and writing run beside the
//! frame loop; the newest of each is polled once a frame.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{self, ColorImage};
use poll_promise::Promise;
use sha2::{Digest, Sha256};

use super::export;
use crate::app::command::{Ask, Command};
use crate::app::state::{Document, Lane, file};
use crate::domain::request::{Input, ModelRef};
use crate::domain::{Error, Result};
use crate::engine::Output;
use crate::engine::outputs::{self, Reads};
use crate::figure::write::replace;
use crate::input::picture::EXTENSIONS;
use crate::store::{hexadecimal, read_file};

/// What a finished dialog or a finished save has to say.
#[derive(Debug)]
pub enum News {
    /// A path was chosen.
    Chosen(Ask, PathBuf),
    /// Something was written, or could not be.
    Saved(Result<PathBuf>),
    /// The figure is on the clipboard, or could not be drawn.
    Copied(Result<()>),
    /// No dialog could be opened.
    Failed(Error),
    /// A pasted picture is on disk, or could not be put there.
    Pasted(Result<PathBuf>),
}

/// What is open or being written.
#[derive(Default)]
pub struct Files {
    pending: Vec<Promise<Option<News>>>,
}

impl Files {
    /// Opens a dialog. The portal's request is made here, on the window's thread; only the wait for it is elsewhere.
    pub fn ask(&mut self, ctx: &egui::Context, ask: Ask, lane: &Lane) {
        let dialog = rfd::AsyncFileDialog::new().set_title(title(ask));
        let model = lane.question.model.as_ref().and_then(ModelRef::path);
        let open = if ask == Ask::Model { model } else { lane.question.input.as_ref().and_then(Input::path) };
        let dialog = match open.and_then(Path::parent) {
            Some(folder) if folder.is_dir() => dialog.set_directory(folder),
            _ => dialog,
        };
        let chosen: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match ask {
            Ask::Input => {
                let images = [EXTENSIONS, TENSORS].concat();
                let both = [&images, TEXTS].concat();
                let dialog =
                    dialog.add_filter("Images and texts", &both).add_filter("Images", &images).add_filter("Texts", TEXTS);
                Box::pin(dialog.add_filter("All files", &["*"]).pick_file())
            }
            Ask::Model => Box::pin(dialog.pick_folder()),
            Ask::Figure => {
                let dialog = dialog.add_filter("Figures and data", &["png", "svg", "npy", "npz", "csv", "json"]);
                Box::pin(dialog.set_file_name("figure.png").save_file())
            }
            Ask::Knob { extension, .. } => Box::pin(dialog.add_filter(extension, &[extension]).pick_file()),
            Ask::Session => Box::pin(dialog.add_filter("Session", &["json"]).set_file_name("session.json").save_file()),
        };
        self.spawn(ctx, move || {
            let start = Instant::now();
            match pollster::block_on(chosen) {
                Some(file) => Some(News::Chosen(ask, file.path().to_path_buf())),
                None if start.elapsed() < QUICKEST_HAND => Some(News::Failed(no_dialog(ask))),
                None => None,
            }
        });
    }

    /// Writes a session beside the frame loop.
    pub fn save_session(&mut self, ctx: &egui::Context, document: &Document, path: PathBuf) {
        let text = file::write(document);
        let open = document.lane().trace_request();
        self.spawn(ctx, move || {
            let reads = open.as_ref().map_or_else(Reads::default, Reads::of);
            let free = outputs::check("session", std::slice::from_ref(&path), &reads);
            let written = free.and(text).and_then(|text| replace(&path, text.as_bytes()));
            Some(News::Saved(written.map(|()| path)))
        });
    }

    /// Writes a figure of what is shown.
    pub fn save_figure(&mut self, ctx: &egui::Context, output: Output, lane: Lane, path: PathBuf) {
        self.spawn(ctx, move || Some(News::Saved(export::write(&output, &lane, &path).map(|()| path))));
    }

    /// Puts a figure of what is shown on the clipboard.
    pub fn copy_figure(&mut self, ctx: &egui::Context, output: Output, lane: Lane) {
        let clipboard = ctx.clone();
        self.spawn(ctx, move || {
            let drawn = export::picture(&output, &lane);
            Some(News::Copied(drawn.map(|picture| clipboard.copy_image(picture))))
        });
    }

    /// Keeps a pasted picture: the engine reads files, so that a record can name what it explains.
    pub fn keep_pasted(&mut self, ctx: &egui::Context, picture: std::sync::Arc<ColorImage>) {
        self.spawn(ctx, move || Some(News::Pasted(write_pasted(&picture))));
    }

    /// What has finished since the last call.
    pub fn poll(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        for promise in std::mem::take(&mut self.pending) {
            match promise.try_take() {
                Ok(finished) => news.extend(finished),
                Err(promise) => self.pending.push(promise),
            }
        }
        news
    }

    /// Whether nothing is open or being written.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    fn spawn(&mut self, ctx: &egui::Context, job: impl FnOnce() -> Option<News> + Send + 'static) {
        let ctx = ctx.clone();
        self.pending.push(Promise::spawn_thread("tokenscope-files", move || {
            let news = job();
            ctx.request_repaint();
            news
        }));
    }
}

/// A dialog that is gone sooner was never there: the desktop's portal does not say so otherwise.
const QUICKEST_HAND: Duration = Duration::from_millis(250);

fn no_dialog(ask: Ask) -> Error {
    let remedy = match ask {
        Ask::Knob { .. } => "name the file on the command line",
        Ask::Input | Ask::Model => "drop the file on the window, or name it on the command line",
        Ask::Figure | Ask::Session => "use `tokenscope explain` or `tokenscope segment` with --out",
    };
    Error::refused("file dialog", "none could be opened").expected("a desktop portal or zenity").remedy(remedy)
}

const TENSORS: &[&str] = &["safetensors"];
const TEXTS: &[&str] = &["txt"];

fn title(ask: Ask) -> &'static str {
    match ask {
        Ask::Input => "Open an image or a text",
        Ask::Model => "Open a model folder",
        Ask::Figure => "Export the figure",
        Ask::Session => "Save the session",
        Ask::Knob { .. } => "Choose a file",
    }
}

/// What opening a dropped or named path means: a folder or weights are a model, JSON is a session, all else an input.
pub fn open(path: PathBuf) -> Opening {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let is_weights = matches!(extension.as_deref(), Some("safetensors" | "bin")) && path.with_file_name("config.json").is_file();
    if path.is_dir() || is_weights {
        return Opening::Command(Command::OpenModel(path.into()));
    }
    if extension.as_deref() != Some("json") {
        return Opening::Command(Command::OpenInput(path.into()));
    }
    Opening::Session(read_session(&path).map(Box::new))
}

/// What a path turned out to be.
#[derive(Debug)]
pub enum Opening {
    /// An input or a model.
    Command(Command),
    /// A session, if it can be read.
    Session(Result<Box<Document>>),
}

/// Bytes of a session, of which a typed text is most.
const MAX_SESSION: u64 = 128 << 20;

fn read_session(path: &Path) -> Result<Document> {
    let bytes = read_file(path, MAX_SESSION, "a session that this program saved")?;
    file::read(&path.display().to_string(), &bytes)
}

fn write_pasted(picture: &ColorImage) -> Result<PathBuf> {
    // With its alpha: what becomes of it is for the image processor to say.
    let rgba: Vec<u8> = picture.pixels.iter().flat_map(egui::Color32::to_srgba_unmultiplied).collect();
    let (width, height) = (picture.size[0], picture.size[1]);
    let mut digest = Sha256::new();
    digest.update((width as u64).to_le_bytes());
    digest.update(&rgba);
    let name = hexadecimal(&digest.finalize()[..12]);
    let folder = data_folder()?.join("pasted");
    let refused =
        |err: &dyn std::fmt::Display| Error::refused(folder.display(), format!("a pasted picture cannot be kept: {err}"));
    std::fs::create_dir_all(&folder).map_err(|err| refused(&err))?;
    let path = folder.join(format!("{name}.png"));
    let image = image::RgbaImage::from_raw(u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0), rgba)
        .ok_or_else(|| refused(&"its size is wrong"))?;
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).map_err(|err| refused(&err))?;
    replace(&path, png.get_ref())?;
    Ok(path)
}

/// Where the program keeps what belongs to the user.
fn data_folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_DATA_HOME")
        .or_else(|| variable("APPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    let refusal = || Error::refused("XDG_DATA_HOME", "neither it nor HOME is set").remedy("set one of them to a folder");
    folder.map(|f| f.join("tokenscope")).ok_or_else(refusal)
}
