//! Numbers and tokens in words, the same in every panel.

use crate::domain::request::{Head, Params};
use crate::domain::span::Span;
use crate::domain::text::Text;
use crate::domain::token::{TokenKind, TokenLayout};
use crate::engine::Scene;
use crate::method::{Info, Reach, Uses};

use crate::app::resolve::matrix::Target;
use crate::app::resolve::view::MapView;

/// A value with four significant digits; scientific where that is shorter to read.
pub fn value(value: f32) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "no value".to_owned() } else { value.to_string() };
    }
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        let whole_digits = size.log10().floor() as i32 + 1;
        format!("{value:.*}", usize::try_from(4 - whole_digits).unwrap_or(0).min(6))
    } else {
        format!("{value:.2e}")
    }
}

/// Evenly spaced numbers beside a scale, with as many decimals as tell them apart; scientific where that is shorter to read.
pub fn ticks(low: f32, high: f32, count: usize) -> Vec<String> {
    let step = (high - low) / count.saturating_sub(1).max(1) as f32;
    let values = (0..count).map(|n| low + n as f32 * step);
    let decimals = 1 - step.abs().log10().floor() as i32;
    if step.is_normal() && decimals <= 5 {
        let decimals = usize::try_from(decimals).unwrap_or(0);
        return values.map(|value| format!("{value:.decimals$}")).collect();
    }
    let largest = low.abs().max(high.abs());
    let digits = (largest / step.abs()).log10().ceil().clamp(1.0, 6.0) as usize;
    values.map(|value| format!("{value:.digits$e}")).collect()
}

/// `CLS`, `reg0`, `patch 3,4`; of a text the word, `bank#2` where it comes again, or the piece as the vocabulary spells it.
pub fn token(layout: &TokenLayout, position: usize) -> String {
    if let Some(text) = &layout.text {
        return piece(text, position);
    }
    layout.kind(position).map_or_else(|| format!("#{position}"), |kind| token_kind(&kind))
}

/// A token, or `sources of tokens 41..60`.
pub fn target(layout: &TokenLayout, (position, span): Target) -> String {
    span.map_or_else(|| token(layout, position), |span| format!("sources of {}", self::span(span)))
}

/// `tokens 2 to 4`, the last one included; `token 7`.
pub fn span(span: Span) -> String {
    match span.to.saturating_sub(1) {
        last if last <= span.from => format!("token {}", span.from),
        last => format!("tokens {} to {last}", span.from),
    }
}

/// `CLS`, `reg0`, `patch 3,4`.
pub fn token_kind(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Cls => "CLS".to_owned(),
        other => other.to_string(),
    }
}

fn piece(text: &Text, position: usize) -> String {
    let is_word = |p: usize| {
        let word = |p: usize| text.pieces.get(p).and_then(|piece| piece.word);
        let alone = |other: Option<usize>| other.and_then(word).is_none_or(|w| word(p) != Some(w));
        word(p).is_some() && alone(p.checked_sub(1)) && alone(Some(p + 1))
    };
    let Some(piece) = text.pieces.get(position) else { return format!("#{position}") };
    let shown = text.shown(position);
    if piece.special || !is_word(position) || shown.trim().is_empty() {
        return piece.piece.clone();
    }
    if !shown.contains(char::is_alphanumeric) {
        return shown.trim().to_owned();
    }
    let alike = |p: &usize| text.shown(*p) == shown && is_word(*p);
    let number = (0..=position).filter(alike).count();
    let again = number > 1 || (position + 1..text.pieces.len()).any(|p| alike(&p));
    if again { format!("{}#{number}", shown.trim()) } else { shown.trim().to_owned() }
}

/// What a map is: `ULTra, layer 12 of 12, patch 7,7, exact`.
pub fn map(map: &MapView, scene: &Scene) -> String {
    let params = &map.source.0.request.params;
    // A map that is the same whatever the target is named by its phrase, if by anything.
    let of = if map.method.names_phrase() { phrase(map.method, params) } else { None };
    let is_of_token = map.method.reach != Reach::Whole;
    let of = of.or_else(|| is_of_token.then(|| target(&scene.layout, (map.position, map.span))));
    let mut parts = vec![map.method.name.to_owned(), format!("layer {} of {}", map.layer, scene.model.num_layers)];
    parts.extend(of);
    if map.method.uses(Uses::Head) {
        parts.push(match params.head {
            Head::One(head) => format!("head {head}"),
            fused => format!("{fused} of heads"),
        });
    }
    if map.method.uses(Uses::Facet) {
        parts.push(params.facet.to_string());
    }
    if map.method.uses(Uses::Scalar) {
        parts.push(params.scalar.words());
    }
    let knobs = params.knobs.chosen(map.method.knobs);
    parts.extend(knobs.map(|(knob, value)| format!("{} {value}", knob.name.to_lowercase())));
    parts.extend(map.fidelity());
    parts.join(", ")
}

/// The phrase that a map is made of: `along 'a cat'`, `with 'a cat'`.
pub fn phrase(method: &Info, params: &Params) -> Option<String> {
    let phrase = params.scalar.phrase().filter(|_| method.takes_phrase())?;
    Some(if method.names_phrase() { format!("with '{phrase}'") } else { params.scalar.words() })
}

/// What a layer is called elsewhere.
pub fn layer(layer: usize, num_layers: usize) -> String {
    let (what, hook) = match layer.checked_sub(1) {
        None => ("what enters the first block (embeddings)".to_owned(), "blocks.0.hook_resid_pre".to_owned()),
        Some(block) => {
            let plural = if layer == 1 { "" } else { "s" };
            (format!("the residual stream after {layer} block{plural}"), format!("blocks.{block}.hook_resid_post"))
        }
    };
    format!(
        "Layer {layer} of {num_layers}: {what}\nHugging Face: hidden_states[{layer}]\nTransformerLens: {hook}\nULTra paper: l = {}",
        layer + 1
    )
}

/// `1 segment`, `6 segments`.
pub fn segments(count: usize) -> String {
    if count == 1 { "1 segment".to_owned() } else { format!("{count} segments") }
}

/// A part of 1 as `12.3 %`; what would round to nothing, or to everything, says so.
pub fn share(part: f64) -> String {
    match 100.0 * part {
        0.0 => "none".to_owned(),
        100.0 => "all".to_owned(),
        percent if percent < 0.05 => "< 0.1 %".to_owned(),
        percent if percent >= 99.95 => "> 99.9 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_four_digits() {
        for (number, text) in
            [(0.0, "0"), (0.123_456, "0.1235"), (12.345_6, "12.35"), (-1234.5, "-1234"), (0.000_012, "1.20e-5"), (1.0, "1.000")]
        {
            assert_eq!(value(number), text);
        }
        assert_eq!(value(f32::NAN), "no value");
    }

    #[test]
    fn ticks_have_the_decimals_that_tell_them_apart() {
        assert_eq!(ticks(0.0, 0.24, 5)[..3], ["0.000", "0.060", "0.120"]);
        assert_eq!(ticks(0.0, 600.0, 5)[1], "150");
        assert_eq!(ticks(0.0, 1e-6, 5)[1], "2.5e-7");
        // Close to each other and far from zero.
        assert_eq!(ticks(1.2e-3, 1.4e-3, 5), ["1.20e-3", "1.25e-3", "1.30e-3", "1.35e-3", "1.40e-3"]);
        assert_eq!(ticks(1.2e-4, 1.3e-4, 5), ["1.20e-4", "1.23e-4", "1.25e-4", "1.27e-4", "1.30e-4"]);
    }

    #[test]
    fn layers_are_named_in_every_convention() {
        assert!(layer(0, 12).contains("hidden_states[0]") && layer(0, 12).contains("blocks.0.hook_resid_pre"));
        let seven = layer(7, 12);
        for name in ["hidden_states[7]", "blocks.6.hook_resid_post", "l = 8"] {
            assert!(seven.contains(name), "{seven}");
        }
    }
}
