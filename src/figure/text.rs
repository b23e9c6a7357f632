//! Widths of text, so that nothing overlaps, and numbers as they stand beside a scale. The widths are Helvetica's, which Arial
//! and Liberation Sans share; a layout holds whichever of them a reader has.

use unicode_segmentation::UnicodeSegmentation;

use crate::letters::characters::is_wide;

/// Advance of the characters ' ' to '~' in thousandths of the type size (Adobe's Helvetica.afm).
const ADVANCES: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778,
    722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222,
    500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Width of a line of text, in the unit of `size`.
pub fn width(text: &str, size: f64) -> f64 {
    // Wide enough for other letters of the font, and for most that it lacks.
    let advance = |c: char| match c {
        ' '..='~' => ADVANCES[c as usize - 32],
        '·' => 333,
        '−' | '×' => 584,
        '…' => 1000,
        c if is_wide(c) => 1000,
        _ => 722,
    };
    text.chars().map(|c| f64::from(advance(c))).sum::<f64>() * size / 1000.0
}

/// The text, or as much of its beginning and its end as fits with an ellipsis between.
pub fn shortened(text: &str, size: f64, available: f64) -> String {
    if width(text, size) <= available {
        return text.to_owned();
    }
    let letters: Vec<&str> = text.graphemes(true).collect();
    for kept in (0..letters.len()).rev() {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let short: String = letters[..head].iter().chain(&["…"]).chain(&letters[letters.len() - tail..]).copied().collect();
        if width(&short, size) <= available || kept == 0 {
            return short;
        }
    }
    String::new()
}

/// Parts set in as few lines as fit, separated by middle dots where they share a line.
pub fn wrapped(parts: &[String], size: f64, available: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = shortened(part, size, available);
        match lines.last_mut() {
            Some(line) if width(&format!("{line} · {part}"), size) <= available => *line += &format!(" · {part}"),
            _ => lines.push(part),
        }
    }
    lines
}

/// A number with so many decimals, with a true minus, and without the sign of -0.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_stay_and_long_ones_keep_both_ends() {
        assert_eq!(shortened("cat.jpg", 8.0, 100.0), "cat.jpg");
        let short = shortened("a-very-long-name-of-a-checkpoint-folder.safetensors", 8.0, 80.0);
        assert!(
            width(&short, 8.0) <= 80.0 && short.starts_with("a-v") && short.ends_with("ors") && short.contains('…'),
            "{short}"
        );
        assert_eq!(shortened("abc", 8.0, 0.0), "…");
    }

    #[test]
    fn lines_break_between_parts() {
        let parts = ["model", "layer 3 of 12", "method"].map(str::to_owned);
        assert_eq!(wrapped(&parts, 8.0, 1e9), ["model · layer 3 of 12 · method"]);
        assert_eq!(wrapped(&parts, 8.0, 85.0), ["model · layer 3 of 12", "method"]);
    }

    #[test]
    fn numbers_have_a_true_minus() {
        assert_eq!([number(-1.25, 1), number(-0.001, 2), number(3.0, 0)], ["−1.2", "0.00", "3"]);
    }
}
