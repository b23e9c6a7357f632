//! Models of Hugging Face's hub: a list to search, what of it is on this machine, and bringing the rest here. The cache is read and
//! downloads run beside the frame loop; closing the list stops nothing.

use std::path::PathBuf;

use eframe::egui::Context;
use poll_promise::Promise;

use crate::domain::{Error, Notice, Result};
use crate::engine::check_family;
use crate::hub::{self, CachedModel, Settings, Transfer};

/// The list of models, open or not, and the download that runs.
pub struct Picker {
    pub(super) settings: Settings,
    pub(super) open: bool,
    /// Whether the keyboard was put on the search.
    pub(super) begun: bool,
    pub(super) query: String,
    pub(super) cached: Vec<CachedModel>,
    pub(super) listing: Option<Promise<Vec<CachedModel>>>,
    pub(super) download: Option<Download>,
    /// How the last download ended, if not well: refused or stopped.
    pub(super) failure: Option<Error>,
    /// Whether that was while the list was closed.
    pub(super) is_unseen: bool,
    /// What is to be said of the last download that went well.
    pub(super) notices: Vec<Notice>,
}

pub(super) struct Download {
    pub(super) id: String,
    pub(super) transfer: Transfer,
    pub(super) done: Promise<Result<PathBuf>>,
}

impl Picker {
    /// The models that the settings lead to.
    pub fn new(settings: Settings) -> Self {
        let (open, begun, query, cached, notices) = (false, false, String::new(), Vec::new(), Vec::new());
        Self { settings, open, begun, query, cached, listing: None, download: None, failure: None, is_unseen: false, notices }
    }

    /// Opens the list, or closes it.
    pub fn toggle(&mut self, ctx: &Context) {
        (self.open, self.begun) = (!self.open, false);
        if self.open {
            // It was seen before the list was closed.
            self.failure = None;
            self.list(ctx);
        }
    }

    /// Takes the failure of a download that ended while the list was closed, and would otherwise be seen nowhere.
    pub fn take_unseen_failure(&mut self) -> Option<Error> {
        if std::mem::take(&mut self.is_unseen) { self.failure.take().filter(|err| *err != Error::Cancelled) } else { None }
    }

    /// Whether the list is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether nothing runs beside the frame loop.
    pub fn is_idle(&self) -> bool {
        self.listing.is_none() && self.download.is_none()
    }

    /// The model that is being downloaded, and the share of it that is there.
    pub fn on_its_way(&self) -> Option<(&str, f32)> {
        let Download { id, transfer, .. } = self.download.as_ref()?;
        let (done, total) = transfer.progress.get();
        Some((id, if total == 0 { 0.0 } else { done as f32 / total as f32 }))
    }

    /// Reads the cache again.
    fn list(&mut self, ctx: &Context) {
        let (cache, ctx) = (self.settings.cache(), ctx.clone());
        self.listing = Some(Promise::spawn_thread("tokenscope-cache", move || {
            let models = cache.models();
            ctx.request_repaint();
            models
        }));
    }

    /// Begins to download a model, unless another is on its way.
    pub fn download(&mut self, ctx: &Context, id: String) {
        if self.download.is_some() {
            return;
        }
        self.failure = None;
        let (hub, transfer) = (hub::Hub::new(self.settings.clone()), Transfer::default());
        let (ctx, name, watched) = (ctx.clone(), id.clone(), transfer.clone());
        let done = Promise::spawn_thread("tokenscope-download", move || {
            let done = hub.download(&name, &watched, &|config| check_family(&name, config));
            ctx.request_repaint();
            done
        });
        self.download = Some(Download { id, transfer, done });
    }

    /// Stops the running download; what has come stays.
    pub fn stop(&mut self) {
        if let Some(download) = &self.download {
            download.transfer.cancel.cancel();
        }
    }

    /// Takes what has been read and downloaded; returns the id of a model that has just come.
    pub fn poll(&mut self, ctx: &Context) -> Option<String> {
        if let Some(listing) = self.listing.take() {
            match listing.try_take() {
                Ok(models) => self.cached = models,
                Err(listing) => self.listing = Some(listing),
            }
        }
        let Download { id, transfer, done } = self.download.take()?;
        let done = match done.try_take() {
            Ok(done) => done,
            Err(done) => {
                self.download = Some(Download { id, transfer, done });
                return None;
            }
        };
        self.list(ctx);
        match done {
            Ok(_) => {
                self.notices = transfer.notices();
                Some(id)
            }
            Err(err) => {
                (self.failure, self.is_unseen) = (Some(err), !self.open);
                None
            }
        }
    }

    /// What to say of a model that has just come.
    pub fn arrival(&self, id: &str) -> String {
        let notices = self.notices.iter().map(|notice| format!("; note: {}", notice.without_folder()));
        format!("{id} is here{}", notices.collect::<String>())
    }

    /// What is typed, as an id where it is one: addresses of the hub's pages count too.
    pub(super) fn typed(&self) -> &str {
        let typed = self.query.trim();
        let typed = typed.strip_prefix(&self.settings.endpoint).unwrap_or(typed);
        typed.strip_prefix("hf:").unwrap_or(typed).trim_matches('/')
    }
}
