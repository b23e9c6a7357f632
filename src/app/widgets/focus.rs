//! The keyboard's place, made visible: a ring around what has the focus, and lists that scroll to it.

use eframe::egui::{Context, Event, Id, Key, LayerId, Order, Response, Stroke, StrokeKind, Ui};

use super::theme;

/// Draws a ring around what has the focus, if it came there by the keyboard.
pub fn ring_ui(ctx: &Context) {
    let Some(focused) = focused(ctx).filter(|_| is_by_keyboard(ctx)) else { return };
    if ctx.text_edit_focused() || !focused.interact_rect.is_positive() {
        // A text field shows its own cursor and frame.
        return;
    }
    let accent = theme::palette(&ctx.global_style().visuals).focus;
    let painter = ctx.layer_painter(LayerId::new(Order::Tooltip, Id::unique("focus ring")));
    painter.rect_stroke(focused.interact_rect.expand(2.0), 5.0, Stroke::new(2.0, accent), StrokeKind::Outside);
}

/// Scrolls to what has the focus when the keyboard just took it there. To be called at the end of what scrolls.
pub fn follow_ui(ui: &Ui) {
    let focused = focused(ui.ctx()).filter(|focused| {
        let is_inside = focused.layer_id == ui.layer_id() && ui.min_rect().contains(focused.rect.center());
        is_inside && is_by_keyboard(ui.ctx())
    });
    let kept = ui.scope_id().with("followed");
    let id = focused.as_ref().map(|focused| focused.id);
    let before = ui.data(|d| d.get_temp::<Option<Id>>(kept)).flatten();
    if id != before {
        ui.data_mut(|d| d.insert_temp(kept, id));
        if let Some(focused) = focused.filter(|focused| !ui.clip_rect().contains_rect(focused.rect)) {
            ui.scroll_to_rect(focused.rect.expand(6.0), None);
        }
    }
}

fn focused(ctx: &Context) -> Option<Response> {
    ctx.memory(eframe::egui::Memory::focused).and_then(|id| ctx.read_response(id))
}

/// Whether the keyboard, and not the pointer, was used last to go somewhere.
fn is_by_keyboard(ctx: &Context) -> bool {
    let kept = Id::unique("focus by keyboard");
    let is_step = |key: &Key| matches!(key, Key::Tab | Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight);
    let used = ctx.input(|i| {
        i.events.iter().rev().find_map(|event| match event {
            Event::Key { key, pressed: true, .. } if is_step(key) => Some(true),
            Event::PointerButton { pressed: true, .. } => Some(false),
            _ => None,
        })
    });
    if let Some(used) = used {
        ctx.data_mut(|d| d.insert_temp(kept, used));
    }
    ctx.data(|d| d.get_temp(kept)).unwrap_or(false)
}
