//! A table as Markdown, CSV and LaTeX.

/// Heads and cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) lines: Vec<Vec<String>>,
}

/// A column's head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) title: String,
    /// Which numbers are good.
    pub(super) better: Better,
    /// Whether its cells are words.
    pub(super) is_text: bool,
}

/// Which numbers are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Higher,
    Lower,
    Neither,
}

impl Column {
    fn arrow(&self, up: &str, down: &str) -> String {
        match self.better {
            Better::Higher => format!("{} {up}", self.title),
            Better::Lower => format!("{} {down}", self.title),
            Better::Neither => self.title.clone(),
        }
    }
}

impl Table {
    /// Without the columns in which no line has anything.
    pub(super) fn without_empty_columns(self) -> Self {
        let used: Vec<usize> = (0..self.columns.len()).filter(|&c| self.lines.iter().any(|line| !line[c].is_empty())).collect();
        let columns = used.iter().map(|&c| self.columns[c].clone()).collect();
        let lines = self.lines.iter().map(|line| used.iter().map(|&c| line[c].clone()).collect()).collect();
        Self { columns, lines }
    }

    pub(super) fn markdown(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|c| c.arrow("↑", "↓")).collect();
        let rules: Vec<String> = self.columns.iter().map(|c| if c.is_text { "---" } else { "---:" }.to_owned()).collect();
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        line(&heads) + &line(&rules) + &self.lines.iter().map(|cells| line(cells)).collect::<String>()
    }

    pub(super) fn csv(&self) -> String {
        let heads: Vec<String> = self.columns.iter().map(|c| c.title.clone()).collect();
        csv_line(&heads) + &self.lines.iter().map(|cells| csv_line(cells)).collect::<String>()
    }

    pub(super) fn latex(&self) -> String {
        let heads =
            self.columns.iter().map(|c| Column { title: escaped(&c.title), ..c.clone() }.arrow("$\\uparrow$", "$\\downarrow$"));
        let places: String = self.columns.iter().map(|c| if c.is_text { 'l' } else { 'r' }).collect();
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let body: String = self.lines.iter().map(|cells| line(cells.iter().map(|cell| escaped(cell)).collect())).collect();
        let head = line(heads.collect());
        format!(
            "% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{places}}}\n\\toprule\n{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
        )
    }
}

/// One line of a CSV file (RFC 4180, lines ended as Unix does).
pub(super) fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out += "\\textbackslash{}",
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_format_would_misread_is_escaped() {
        let column = |title: &str, better, is_text| Column { title: title.to_owned(), better, is_text };
        let columns = vec![
            column("model", Better::Neither, true),
            column("nothing", Better::Neither, true),
            column("F", Better::Higher, false),
        ];
        let table = Table { columns, lines: vec![vec!["a_b|\"c\",d".to_owned(), String::new(), "0.5".to_owned()]] }
            .without_empty_columns();
        assert_eq!(table.markdown(), "| model | F ↑ |\n| --- | ---: |\n| a_b\\|\"c\",d | 0.5 |\n");
        assert_eq!(table.csv(), "model,F\n\"a_b|\"\"c\"\",d\",0.5\n");
        assert!(table.latex().contains("model & F $\\uparrow$ \\\\\n\\midrule\na\\_b|\"c\",d & 0.5 \\\\\n\\bottomrule"));
    }
}
