//! Files that the user names: dialogs, dropped files, pasted pictures, sessions and figures. Dialogs and writing run beside the
//! frame loop; the newest of each is polled once a frame.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{self, ColorImage};
use poll_promise::Promise;
use sha2::{Digest, Sha256};

use super::export;
use super::path_field::{PathField, Wants};
use crate::app::command::{Command, FileDialog};
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
pub enum FileEvent {
    /// A path was chosen.
    Chosen(FileDialog, PathBuf),
    /// Something was written, or could not be.
    Saved(Result<PathBuf>),
    /// The figure is on the clipboard, or could not be drawn.
    Copied(Result<()>),
    /// The desktop has no dialog: the window asks itself.
    NoDialog(FileDialog),
    /// A pasted picture is on disk, or could not be put there.
    Pasted(Result<PathBuf>),
}

/// What is open or being written.
#[derive(Default)]
pub struct Files {
    pending: Vec<Promise<Option<FileEvent>>>,
    /// Whether the desktop's dialogs are left alone.
    asks_inside: bool,
}

/// The folder in which a dialog begins: that of what is open.
fn start_of(ask: FileDialog, lane: &Lane) -> Option<&Path> {
    let model = lane.question.model.as_ref().and_then(ModelRef::path);
    let open = if ask == FileDialog::Model { model } else { lane.question.input.as_ref().and_then(Input::path) };
    open.and_then(Path::parent).filter(|folder| folder.is_dir())
}

/// The dialog inside the window that stands for the desktop's.
pub fn path_field(ask: FileDialog, lane: &Lane) -> PathField {
    let wants = match ask {
        FileDialog::Input => Wants::File { endings: INPUTS },
        FileDialog::Model => Wants::Folder,
        FileDialog::OpenSession => Wants::File { endings: &["json"] },
        FileDialog::Figure => Wants::NewFile { endings: FIGURES },
        FileDialog::Session => Wants::NewFile { endings: &["json"] },
        FileDialog::Knob { .. } => Wants::File { endings: &[] },
    };
    let folder = start_of(ask, lane).map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let start = match ask {
        FileDialog::Figure => folder.join("figure.png"),
        FileDialog::Session => folder.join("session.json"),
        FileDialog::Input | FileDialog::Model | FileDialog::OpenSession | FileDialog::Knob { .. } => folder,
    };
    PathField::new(title(ask), wants, start)
}

impl Files {
    /// Leaves the desktop's dialogs alone: the window asks for paths itself.
    pub fn asks_inside() -> Self {
        Self { asks_inside: true, ..Self::default() }
    }

    /// Asks for a path by the desktop's dialog, or says that the window has to ask itself. The portal's request is made here, on the window's thread; only the wait for it is elsewhere.
    pub fn ask(&mut self, ctx: &egui::Context, ask: FileDialog, lane: &Lane) {
        if self.asks_inside {
            return self.pending.push(Promise::from_ready(Some(FileEvent::NoDialog(ask))));
        }
        let dialog = rfd::AsyncFileDialog::new().set_title(title(ask));
        let dialog = match start_of(ask, lane) {
            Some(folder) => dialog.set_directory(folder),
            None => dialog,
        };
        let chosen: std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match ask {
            FileDialog::Input => {
                let images = [EXTENSIONS, TENSORS].concat();
                let both = [&images, TEXTS].concat();
                let dialog =
                    dialog.add_filter("Images and texts", &both).add_filter("Images", &images).add_filter("Texts", TEXTS);
                Box::pin(dialog.add_filter("Sessions", &["json"]).add_filter("All files", &["*"]).pick_file())
            }
            FileDialog::OpenSession => Box::pin(dialog.add_filter("Sessions", &["json"]).pick_file()),
            FileDialog::Model => Box::pin(dialog.pick_folder()),
            FileDialog::Figure => {
                let dialog = dialog.add_filter("Figures and data", FIGURES);
                Box::pin(dialog.set_file_name("figure.png").save_file())
            }
            FileDialog::Knob { extension, .. } => Box::pin(dialog.add_filter(extension, &[extension]).pick_file()),
            FileDialog::Session => Box::pin(dialog.add_filter("Session", &["json"]).set_file_name("session.json").save_file()),
        };
        self.spawn(ctx, move || {
            let start = Instant::now();
            match pollster::block_on(chosen) {
                Some(file) => Some(FileEvent::Chosen(ask, file.path().to_path_buf())),
                None if start.elapsed() < QUICKEST_HAND => Some(FileEvent::NoDialog(ask)),
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
            Some(FileEvent::Saved(written.map(|()| path)))
        });
    }

    /// Writes a figure of what is shown.
    pub fn save_figure(&mut self, ctx: &egui::Context, output: Output, lane: Lane, path: PathBuf) {
        self.spawn(ctx, move || Some(FileEvent::Saved(export::write(&output, &lane, &path).map(|()| path))));
    }

    /// Puts a figure of what is shown on the clipboard.
    pub fn copy_figure(&mut self, ctx: &egui::Context, output: Output, lane: Lane) {
        let clipboard = ctx.clone();
        self.spawn(ctx, move || {
            let drawn = export::picture(&output, &lane);
            Some(FileEvent::Copied(drawn.map(|picture| clipboard.copy_image(picture))))
        });
    }

    /// Keeps a pasted picture: the engine reads files, so that a record can name what it explains.
    pub fn keep_pasted(&mut self, ctx: &egui::Context, picture: std::sync::Arc<ColorImage>) {
        self.spawn(ctx, move || Some(FileEvent::Pasted(write_pasted(&picture))));
    }

    /// What has finished since the last call.
    pub fn poll(&mut self) -> Vec<FileEvent> {
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

    fn spawn(&mut self, ctx: &egui::Context, job: impl FnOnce() -> Option<FileEvent> + Send + 'static) {
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

const FIGURES: &[&str] = &["png", "svg", "npy", "npz", "csv", "json"];
/// What the list of the window's own dialog shows; a name typed in full is taken with any ending.
const INPUTS: &[&str] = &["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff", "txt", "safetensors", "json"];
const TENSORS: &[&str] = &["safetensors"];
const TEXTS: &[&str] = &["txt"];

fn title(ask: FileDialog) -> &'static str {
    match ask {
        FileDialog::Input => "Open an image or a text",
        FileDialog::Model => "Open a model folder",
        FileDialog::Figure => "Export the figure",
        FileDialog::Session => "Save the session",
        FileDialog::OpenSession => "Open a session",
        FileDialog::Knob { .. } => "Choose a file",
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
///
/// # Errors
/// A refusal where the system names no home.
pub fn data_folder() -> Result<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", env!("CARGO_PKG_NAME"));
    let refusal = || Error::refused("the home folder", "the system names none").remedy("set HOME to a folder");
    folders.map(|folders| folders.data_dir().to_path_buf()).ok_or_else(refusal)
}
