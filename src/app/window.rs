//! The real window: display, graphics adapter, worker thread.

use std::path::PathBuf;

use eframe::egui::ViewportBuilder;

use super::program::App;
use crate::app::state::{Document, Prefs};
use crate::app::widgets::fonts;
use crate::app::widgets::theme;
use crate::domain::{Error, Result};
use crate::engine::{Engine, Worker};
use crate::letters::fonts::Others;
use crate::letters::machine;
use crate::render::Renderer;

/// What the window begins with.
pub struct Start {
    /// What is open.
    pub document: Document,
    /// The user's preferences.
    pub prefs: Prefs,
    /// The folder that keeps both between starts; `None` keeps nothing.
    pub folder: Option<PathBuf>,
    /// What went wrong before the window was there.
    pub error: Option<Error>,
}

/// Opens the window and returns when it is closed. `on_first_map` is called once, when the first map is on the screen.
///
/// # Errors
/// A refusal that says what to do when there is no display or no graphics adapter.
pub fn run(start: Start, on_first_map: Option<Box<dyn FnOnce()>>) -> Result<()> {
    let viewport = ViewportBuilder::default()
        .with_title("Tokenscope")
        .with_app_id("tokenscope")
        .with_inner_size(theme::START_SIZE)
        .with_min_inner_size(theme::MIN_SIZE)
        .with_drag_and_drop(true);
    // Text and labels take what the built-in fonts lack from the same fonts: see `fonts`.
    let options =
        eframe::NativeOptions { viewport, renderer: eframe::Renderer::Wgpu, system_font_fallback: false, ..Default::default() };
    machine::prepare();
    let app = move |cc: &eframe::CreationContext<'_>| -> std::result::Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
        let state = cc.wgpu_render_state.as_ref().ok_or_else(no_adapter)?;
        Renderer::install(state);
        let ctx = cc.egui_ctx.clone();
        let worker = Worker::spawn(Engine::default(), move || ctx.request_repaint())?;
        cc.egui_ctx.set_zoom_factor(start.prefs.zoom.clamp(0.5, 4.0));
        let app = App::new(&cc.egui_ctx, start.document, Box::new(worker)).with_prefs(start.prefs).with_error(start.error);
        let app = match start.folder {
            Some(folder) => app.with_memory(folder),
            None => app,
        };
        let app = App { on_first_map, ..app };
        fonts::install(&cc.egui_ctx, Others::Machine);
        Ok(Box::new(app))
    };
    eframe::run_native("Tokenscope", options, Box::new(app)).map_err(refusal)
}

fn refusal(err: eframe::Error) -> Error {
    match err {
        eframe::Error::AppCreation(err) => match err.downcast::<Error>() {
            Ok(err) => *err,
            Err(err) => Error::Internal(err.to_string()),
        },
        eframe::Error::Wgpu(_) => no_adapter(),
        // winit's own words begin with a path of the machine that built it.
        err => Error::refused("window", format!("no display can be opened ({})", last_part(&err.to_string())))
            .expected("DISPLAY or WAYLAND_DISPLAY to name one")
            .remedy("use `tokenscope explain`, or --screenshot, which need none"),
    }
}

fn last_part(message: &str) -> &str {
    message.rsplit(": ").next().unwrap_or(message).trim_end_matches('.')
}

/// What to say where wgpu finds nothing to draw with.
pub fn no_adapter() -> Error {
    Error::refused("window", "no graphics adapter was found")
        .expected("Vulkan, Metal, DirectX 12 or OpenGL")
        .remedy("install a driver (on Debian: mesa-vulkan-drivers), or use `tokenscope explain`, which needs none")
}
