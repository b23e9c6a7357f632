//! Frame times: what a frame of this window costs on the processor, and how many were late.

use std::time::{Duration, Instant};

use eframe::egui::{self, Align2, Window};

use crate::domain::Progress;

/// What a frame may cost.
const BUDGET: Duration = Duration::from_millis(4);
/// At 60 frames a second.
const LATE: Duration = Duration::from_micros(16_700);

/// Counts frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameLog {
    /// Frames so far.
    pub frames: u64,
    /// Frames over 4 ms.
    pub over_budget: u64,
    /// Frames over 16.7 ms.
    pub late: u64,
    /// The newest, with everything that eframe measures.
    pub last: Duration,
    /// Layout and interaction of the newest.
    pub layout: Duration,
    /// The slowest since the counters were set to zero.
    pub worst: Duration,
}

impl FrameLog {
    /// A frame that began at `start` is laid out; `whole` is what the frame before cost with everything, as eframe measured.
    pub fn record(&mut self, start: Instant, whole: Option<Duration>) {
        self.layout = start.elapsed();
        self.last = self.layout.max(whole.unwrap_or_default());
        self.worst = self.worst.max(self.last);
        self.frames += 1;
        self.over_budget += u64::from(self.last > BUDGET);
        self.late += u64::from(self.last > LATE);
    }
}

/// Draws the counters in a corner.
pub fn debug_ui(ctx: &egui::Context, log: &mut FrameLog, running: Option<&Progress>, num_wishes: usize) {
    Window::new("Frames").collapsible(false).resizable(false).anchor(Align2::LEFT_BOTTOM, [300.0, -70.0]).show(ctx, |ui| {
        let ms = |d: Duration| format!("{:.2} ms", d.as_secs_f64() * 1e3);
        ui.monospace(format!("frame      {}", ms(log.last)));
        ui.monospace(format!("layout     {}", ms(log.layout)));
        ui.monospace(format!("slowest    {}", ms(log.worst)));
        ui.monospace(format!("frames     {}", log.frames));
        ui.monospace(format!("over 4 ms  {}", log.over_budget));
        ui.monospace(format!("over 16.7  {}", log.late));
        let worker = match running {
            Some(progress) => format!("busy {:?}, {num_wishes} wishes", progress.get()),
            None => format!("idle, {num_wishes} wishes"),
        };
        ui.monospace(format!("worker     {worker}"));
        if ui.button("Set to zero").clicked() {
            *log = FrameLog::default();
        }
    });
}
