//! Typesetting: where each token of a text stands when it is set as running text. Pieces of a word stand side by side, spaces,
//! line breaks and indentation are those of the string, and lines break where the string has a space. `fill` fills the lines and
//! puts each in its visual order.

use super::fill;
use super::items::{Item, items};
use super::line::{Measure, Setting};
use crate::domain::text::Text;

impl Setting {
    /// Sets a text into lines of at most `width`.
    pub fn new(text: &Text, width: f32, measure: &dyn Measure) -> Self {
        let mut setting = Self { lines: Vec::new(), index: vec![None; text.pieces.len()] };
        let items = items(text);
        for paragraph in items.split(|item| *item == Item::Break) {
            fill::paragraph(paragraph, width, measure, &mut setting);
        }
        setting
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::vec2;

    use super::super::line::*;
    use super::*;
    use crate::domain::text::Piece;
    use crate::letters::clusters::Cluster;
    use crate::letters::clusters::Clusters;
    use crate::letters::fonts::Fonts;
    use crate::letters::units::Unit;

    /// Ten points a letter.
    struct Tens(Fonts);

    impl Measure for Tens {
        fn fonts(&self) -> &Fonts {
            &self.0
        }

        fn shape(&self, text: &str, unit: &Unit) -> Shape {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let width = 10.0 * starts.len() as f32;
            let cluster = |(n, &start): (usize, &usize)| {
                let left = if unit.is_rtl() { width - 10.0 * (n + 1) as f32 } else { 10.0 * n as f32 };
                Cluster { start, left, right: left + 10.0 }
            };
            let clusters = starts.iter().enumerate().map(cluster).collect();
            let glyphs = if unit.is_rtl() { starts.iter().rev().copied().collect() } else { starts };
            Shape { text: text.to_owned(), width, clusters: Clusters::new(clusters, text.len(), unit.is_rtl()), glyphs }
        }

        fn chip(&self, text: &str) -> f32 {
            10.0 * text.chars().count() as f32
        }

        fn space(&self) -> f32 {
            10.0
        }
    }

    fn tens() -> Tens {
        Tens(crate::figure::glyphs::built_in())
    }

    /// Pieces of a string, by their spans; a new word where a space is before.
    fn text(string: &str, spans: &[std::ops::Range<usize>], cut_at: Option<usize>) -> Text {
        let piece = |span: &std::ops::Range<usize>| Piece {
            piece: string.get(span.clone()).unwrap_or("?").to_owned(),
            span: span.clone(),
            special: false,
            word: Some(span.start),
        };
        Text {
            string: string.to_owned(),
            pieces: spans.iter().map(piece).collect(),
            cut_at,
            generated_from: None,
            notices: Vec::new(),
        }
    }

    fn lines(setting: &Setting) -> Vec<String> {
        let words = |line: &Line| line.places.iter().map(|p| p.text.clone()).collect::<Vec<_>>().join("|");
        setting.lines.iter().map(words).collect()
    }

    #[test]
    fn pieces_of_a_word_touch_and_lines_break_at_spaces() {
        let setting = Setting::new(&text("a walking, dog", &[0..1, 2..6, 6..9, 9..10, 11..14], None), 95.0, &tens());
        assert_eq!(lines(&setting), ["a", "walk|ing|,", "dog"], "`a walking,` is 100 wide");
        let (walk, ing) = (setting.place(1).unwrap(), setting.place(2).unwrap());
        assert_eq!((walk.rect.left(), walk.rect.right(), ing.rect.left()), (0.0, 40.0, 40.0));
        assert_eq!((walk.joins, ing.joins), ([false, true], [true, true]));
    }

    #[test]
    fn breaks_and_indentation_are_those_of_the_string() {
        let setting = Setting::new(&text("if a:\n    b\n\nc", &[0..2, 3..4, 4..5, 10..11, 13..14], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["if|a|:", "b", "", "c"]);
        assert_eq!(setting.place(3).unwrap().rect.left(), 40.0);
        assert_eq!(setting.neighbours(3), [Some(2), Some(4)], "the empty line is passed over");
        assert_eq!(setting.neighbours(4), [Some(3), None]);
    }

    #[test]
    fn what_no_line_can_hold_is_parted() {
        let setting = Setting::new(&text("abcdef", &[0..2, 2..4, 4..6], None), 45.0, &tens());
        assert_eq!(lines(&setting), ["ab|cd", "ef"]);
        assert_eq!(lines(&Setting::new(&text("abcdef", &[0..6, 0..6], None), 45.0, &tens())), ["abcdef", "abcdef"]);
    }

    #[test]
    fn points_lead_to_tokens_and_the_rest_is_not_read() {
        let setting = Setting::new(&text("one two. And more", &[0..3, 4..7], Some(7)), 300.0, &tens());
        for position in 0..2 {
            let centre = setting.place(position).unwrap().rect.center();
            assert_eq!(setting.position_at(centre.to_vec2()), Some(position));
        }
        assert_eq!(setting.position_at(vec2(200.0, 10.0)), None);
        assert_eq!(setting.position_at(vec2(5.0, -1.0)), None);
        assert_eq!(
            [vec2(-9.0, -50.0), vec2(900.0, 10.0), vec2(900.0, 900.0)].map(|at| setting.nearest(at)),
            [Some(0), Some(1), Some(1)]
        );
        let is_unread = |run: &&Run| run.owners.iter().all(Option::is_none);
        let unread: Vec<&str> = setting.lines.iter().flat_map(|l| &l.runs).filter(is_unread).map(|r| r.text.as_str()).collect();
        assert_eq!(unread, [".", "And", "more"]);
        assert_eq!(setting.lines.iter().filter(|l| l.stop.is_some()).count(), 1);
    }

    #[test]
    fn hebrew_reads_from_the_right_and_keeps_its_numbers() {
        // In the order of the string: two words, a comma, a number, a word in brackets.
        let string = "אב גד, 12 (x)";
        let spans = [0..2, 2..4, 5..7, 7..9, 9..10, 11..13, 14..15, 15..16, 16..17];
        let setting = Setting::new(&text(string, &spans, None), 300.0, &tens());
        let line = &setting.lines[0];
        assert_eq!(lines(&setting), [")|x|(|12|,|ד|ג|ב|א"], "from the left");
        assert_eq!(line.places.last().unwrap().rect.right(), 300.0, "it begins at the right edge");
        for (position, _) in spans.iter().enumerate() {
            let centre = setting.place(position).unwrap().rect.center();
            assert_eq!(setting.position_at(centre.to_vec2()), Some(position));
        }
        let word = line.runs.iter().find(|run| run.text == "אב").unwrap();
        assert_eq!(word.owners, [Some(1), Some(0)], "glyphs stand from the left, letters from the right");
        let (alef, bet) = (setting.place(0).unwrap(), setting.place(1).unwrap());
        assert_eq!((alef.joins, bet.joins, bet.rect.right()), ([true, false], [false, true], alef.rect.left()));
    }

    #[test]
    fn english_among_hebrew_stays_in_its_order() {
        let setting = Setting::new(&text("ab אב גד cd", &[0..2, 3..7, 8..12, 13..15], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["ab|גד|אב|cd"]);
        assert_eq!(setting.place(0).unwrap().rect.left(), 0.0, "the first letter is Latin");
    }

    #[test]
    fn a_token_of_two_directions_has_two_parts() {
        let setting = Setting::new(&text("אב1", &[0..2, 2..5], None), 300.0, &tens());
        assert_eq!(setting.parts(1).count(), 1, "the number follows its letter");
        let setting = Setting::new(&text("xאב1y", &[0..1, 1..3, 3..6, 6..7], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["x|ב1|ב1|א|y"].map(|_| lines(&setting)[0].clone()));
        assert!(setting.parts(2).count() >= 1 && setting.place(2).is_some());
    }

    #[test]
    fn chinese_breaks_between_any_two_characters_and_touches_what_stands_beside() {
        let spans: Vec<_> = (0..6).map(|n| 3 * n..3 * n + 3).collect();
        let setting = Setting::new(&text("我们坐在河岸", &spans, None), 75.0, &tens());
        assert_eq!(lines(&setting), ["我|们|坐|在", "河|岸"].map(str::to_owned));
    }

    #[test]
    fn white_space_and_parts_of_letters_stand_on_chips() {
        let setting = Setting::new(&text("a\nb\u{e9}", &[0..1, 1..2, 2..3, 3..4, 3..5], None), 300.0, &tens());
        assert_eq!(lines(&setting), ["a|\\n", "b|?|\u{e9}"]);
        assert!(setting.place(1).unwrap().chip && setting.place(3).unwrap().chip);
    }
}
