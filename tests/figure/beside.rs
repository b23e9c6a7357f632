//! What stands beside a map, in figures and data files: charts, tables, matrices, colours that mean themselves, and boxes.

use super::*;
use tokenscope::domain::exhibit::{Cell, Chart, Exhibit, Histogram, Matrix, Paint, Series, Shown, Table};
use tokenscope::domain::segmentation::Segmentation;

fn exhibits() -> Vec<Exhibit> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let points = |scale: f64| (0..13).map(|x| [f64::from(x), if x == 6 { f64::NAN } else { scale * f64::from(x) }]).collect();
    vec![
        Exhibit::Chart(Chart {
            title: "Norms <by> layer".to_owned(),
            x_label: "layer".to_owned(),
            y_label: "norm".to_owned(),
            series: vec![
                Series { name: "patches".to_owned(), points: points(1.0) },
                Series { name: "class".to_owned(), points: points(-250.0) },
            ],
            mark: Some(9.0),
            bars: false,
        }),
        Exhibit::Histogram(Histogram {
            title: "Counts of norms".to_owned(),
            x_label: "norm".to_owned(),
            edges: vec![0.0, 1.0, 2.0, 3.0],
            counts: vec![12, 0, 2],
            cut: Some((2.2, "outliers".to_owned())),
        }),
        Exhibit::Table(Table {
            title: "Most probable words".to_owned(),
            columns: words(&["word", "probability"]),
            rows: vec![
                vec!["river".into(), 0.512_34.into()],
                vec![Cell::Shaded("money & more".to_owned(), 0.8), f64::NAN.into()],
            ],
            mark: Some(0),
        }),
        Exhibit::Matrix(Matrix {
            title: "Words by layer".to_owned(),
            unit: "cosine".to_owned(),
            row_label: "layer".to_owned(),
            column_label: "token".to_owned(),
            rows: words(&["0", "1"]),
            columns: words(&["a", "bank", "riverside"]),
            values: vec![0.1, -0.5, 0.25, f32::NAN, 1.0, 0.0],
            signed: true,
            words: Vec::new(),
            mark: Some((1, 2)),
        }),
    ]
}

fn showing(shown: Shown) -> Output {
    let Output::Explanation(plain) = explanation(&[6]) else { unreachable!() };
    Output::Explanation(Arc::new(Explanation { shown: Arc::new(shown), ..(*plain).clone() }))
}

fn drawn(output: &Output, style: &FigureStyle) -> (Layout, String) {
    let layout = Layout::new(output, style).unwrap();
    let text = svg::text(&layout, Rasters::Embedded).unwrap();
    (layout, text)
}

#[test]
fn exhibits_are_panels_below_the_map_in_vectors() {
    let output = showing(Shown { exhibits: exhibits(), paint: None });
    let bare = drawn(&showing(Shown::default()), &style()).0;
    let (narrow, text) = drawn(&output, &style());
    for words in ["(c) Norms &lt;by&gt; layer", "(d) Counts of norms", "(e) Most probable words", "(f) Words by layer"] {
        assert!(text.contains(words), "{words}");
    }
    for words in ["river", "0.5123", "money &amp; more", "outliers", "patches", "−0.5000"] {
        assert!(text.contains(&format!(">{words}")), "{words}");
    }
    assert!(text.contains("cosine</text>"));
    let curves = narrow.marks.iter().filter(|mark| matches!(mark, Mark::Path { dashed: false, .. })).count();
    assert_eq!(curves, 4, "two curves, each with a gap");
    let wide = drawn(&output, &FigureStyle { width_in: Some(7.16), ..style() }).0;
    assert!(narrow.height > bare.height + 300.0 && wide.width > narrow.width);
    assert_eq!(png::bytes(&narrow).unwrap(), png::bytes(&drawn(&output, &style()).0).unwrap());
    for mark in narrow.marks.iter().chain(&wide.marks) {
        let (right, bottom) = match mark {
            Mark::Raster { rect, .. } | Mark::Box { rect, .. } => (rect.right(), rect.bottom()),
            Mark::Text { at, .. } => *at,
            Mark::Line { to, .. } => *to,
            _ => continue,
        };
        assert!(right <= wide.width && bottom <= narrow.height.max(wide.height), "{mark:?} is off the page");
    }
}

#[test]
fn exhibits_are_left_out_where_they_are_many_or_not_wanted() {
    let heights = |count: usize, wanted: Option<bool>| {
        let many = exhibits().into_iter().cycle().take(count).collect();
        let style = FigureStyle { exhibits: wanted, ..style() };
        drawn(&showing(Shown { exhibits: many, paint: None }), &style).0.height
    };
    let bare = heights(0, None);
    assert!(heights(4, None) > bare && heights(5, Some(true)) > bare);
    assert!((heights(5, None) - bare).abs() < 1e-9 && (heights(4, Some(false)) - bare).abs() < 1e-9);
}

#[test]
fn odd_exhibits_are_drawn() {
    let chart = |points: Vec<[f64; 2]>, bars| {
        let series = vec![Series { name: String::new(), points }];
        Exhibit::Chart(Chart { series, bars, mark: Some(f64::NAN), ..Chart::default() })
    };
    let mut odd = vec![
        Exhibit::Histogram(Histogram::default()),
        Exhibit::Table(Table::default()),
        Exhibit::Matrix(Matrix::default()),
        Exhibit::Matrix(Matrix {
            rows: vec!["a".to_owned()],
            columns: vec!["b".to_owned()],
            values: vec![f32::NAN],
            ..Matrix::default()
        }),
        Exhibit::Chart(Chart::default()),
    ];
    for bars in [false, true] {
        odd.extend([
            chart(Vec::new(), bars),
            chart(vec![[1.0, 1.0]], bars),
            chart(vec![[0.0, f64::INFINITY], [1.0, 1e300]], bars),
        ]);
        odd.push(chart(vec![[0.0, 1e-30], [1e12, -1e-30]], bars));
    }
    for exhibit in odd {
        let output = showing(Shown { exhibits: vec![exhibit.clone()], paint: None });
        let (layout, text) = drawn(&output, &style());
        assert!(!text.contains("NaN") && !text.contains("inf"), "{exhibit:?}");
        png::bytes(&layout).unwrap();
    }
}

#[test]
fn painted_maps_have_a_legend_and_their_colours_in_the_data() {
    let colours: Vec<[f32; 3]> = (0..SIDE * SIDE).map(|n| [n as f32 / 16.0, 0.5, 0.0]).collect();
    let paint = Paint { colours: colours.clone(), legend: vec![("queries".to_owned(), [1.0, 0.0, 0.0])] };
    let output = showing(Shown { exhibits: exhibits(), paint: Some(paint) });
    let (layout, text) = drawn(&output, &style());
    assert!(layout.ranges.is_empty() && text.contains("queries") && !text.contains(">relevance<"));
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.npz", "a.json", "a.csv"].map(|name| folder.path().join(name));
    write(&output, &style(), &paths).unwrap();
    let (shape, values) = array::<f32>(&member(&paths[0], "paint"));
    assert_eq!((shape, values), (vec![4, 4, 3], colours.concat()));
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&paths[1]).unwrap()).unwrap();
    let shown = &record["shown"];
    assert_eq!((&shown["exhibits"][2]["kind"], &shown["exhibits"][2]["rows"][0][0]), (&"table".into(), &"river".into()));
    assert_eq!(shown["paint"]["legend"][0][0], "queries");
}

#[test]
fn boxes_around_what_was_found_are_drawn_and_written() {
    let Output::Segments(plain) = segments() else { unreachable!() };
    let segmentation =
        Segmentation { height: 64, width: 64, labels: vec![0; 64 * 64], patch_labels: vec![0; SIDE * SIDE], colours: vec![0] };
    let boxes = vec![PixelRect { x: 16.0, y: 32.0, width: 32.0, height: 16.0 }];
    let partition = Partition::Flat { segmentation, boxes };
    let output = Output::Segments(Arc::new(Segments { partition, maps: None, cutting: Cutting::Fixed, ..(*plain).clone() }));
    let (layout, text) = drawn(&output, &style());
    let rasters: Vec<_> =
        layout.marks.iter().filter_map(|m| if let Mark::Raster { rect, .. } = m { Some(rect) } else { None }).collect();
    let map = rasters[1];
    let is_box = |mark: &Mark| match mark {
        Mark::Box { rect, fill: None, .. } => {
            (rect.x - map.x - map.width / 4.0).abs() < 2.0 && (rect.width - map.width / 2.0).abs() < 3.0
        }
        _ => false,
    };
    assert_eq!(layout.marks.iter().filter(|mark| is_box(mark)).count(), 2, "a white line inside a black one");
    assert!(!text.contains("cut at") && !text.contains("asked"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    write(&output, &style(), std::slice::from_ref(&path)).unwrap();
    assert_eq!(array::<f64>(&member(&path, "boxes")), (vec![1, 4], vec![16.0, 32.0, 32.0, 16.0]));
}
