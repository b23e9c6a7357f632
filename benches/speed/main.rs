//! One table of times on two threads, each as a multiple of the forward pass of the same run, and how far K rows are from exact.
//!
//!     cargo bench                                    random weights, sample photos
//!     TOKENSCOPE_MODEL=FOLDER cargo bench            a vit checkpoint instead of random tiny weights
//!     TOKENSCOPE_PHOTOS=FOLDER cargo bench           its first twenty photos for the error table
//!     TOKENSCOPE_ORACLE=FOLDER TOKENSCOPE_PYTHON=python3 cargo bench    PyTorch's ownrow_torch.py and ultra_torch.py right after

mod checkpoint;
mod errors;
mod oracle;

use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;
use tokenscope::domain::heatmap::Heatmap;
use tokenscope::domain::request::{Cut, Own, Rows, Scalar, SizeRule};
use tokenscope::domain::segmentation::Segmentation;
use tokenscope::domain::{Cancel, Progress};
use tokenscope::input::{Picture, Processor, Transparency};
use tokenscope::method::ultra::seeds;
use tokenscope::model::{Backward, Model, ModelInput, Seen, Trace};
use tokenscope::segment::MapTree;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::args().any(|a| a == "--test" || a == "--list") {
        return;
    }
    rayon::ThreadPoolBuilder::new().num_threads(2).build_global().expect("first use of rayon");
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let tiny = std::env::var_os("TOKENSCOPE_MODEL").map(PathBuf::from);
    let photos = photos();
    let random_tiny = scratch.path().join("tiny");
    let small = scratch.path().join("small");
    if tiny.is_none() {
        checkpoint::write_random_vit(&random_tiny, 192, 3);
    }
    checkpoint::write_random_vit(&small, 384, 6);
    let tiny_folder = tiny.clone().unwrap_or(random_tiny);
    println!("two threads; medians; in brackets multiples of the forward pass\n");
    let name = if tiny.is_some() { "checkpoint of TOKENSCOPE_MODEL" } else { "random ViT-Ti/16" };
    let oracle_tiny = tiny.as_deref().map(|model| oracle::Case::Checkpoint { model, photo: &photos[0] });
    table(name, &tiny_folder, &photos[0], oracle_tiny.as_ref());
    table("random ViT-S/16", &small, &photos[0], Some(&oracle::Case::Random { width: 384, heads: 6 }));
    errors::table(&tiny_folder, &photos);
}

/// The first twenty photos of TOKENSCOPE_PHOTOS, or the samples.
fn photos() -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples");
    let folder = std::env::var_os("TOKENSCOPE_PHOTOS").map_or(samples, PathBuf::from);
    let mut photos: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder of photos").map(|e| e.expect("an entry").path()).collect();
    photos.retain(|p| p.extension().is_some_and(|e| e == "jpg"));
    photos.sort();
    let step = (photos.len() / 20).max(1);
    photos.into_iter().step_by(step).take(20).collect()
}

/// The pixels that a model takes of a photo.
fn prepared(model: &Model, photo: &Path) -> (Vec<f32>, (usize, usize)) {
    let patches = model.patches().expect("a model of images");
    let processor = model.folder().and_then(|f| Processor::read(f).expect("a readable preprocessor_config.json"));
    let processor = processor.unwrap_or_else(|| Processor::default_for(&model.family, patches.image_size));
    let picture = Picture::open(photo, Transparency::Dropped).expect("a photo");
    let input = processor.prepare(&picture, SizeRule::Checkpoint, patches.patch_size).expect("pixels");
    (input.values, (input.height, input.width))
}

/// Relevance rows at the last layer.
fn rows(model: &Model, trace: &Trace, targets: &[usize], rows: Rows) -> Vec<f32> {
    let layer = model.num_layers();
    let seeds = seeds(&trace.residual[layer], targets, &Scalar::Sum).expect("seeds");
    let (cancel, progress) = (Cancel::default(), Progress::default());
    Backward { model, trace, layer, rows, blocks: 0, cancel: &cancel, progress: &progress }.run(targets, &seeds).expect("rows")
}

/// Median seconds of some runs, after one that does not count, and the peak of resident memory in MB.
fn measured<T>(repeats: usize, mut work: impl FnMut() -> T) -> (f64, f64) {
    drop(work());
    // Linux resets the peak when 5 is written here; elsewhere there is no figure.
    let reset = std::fs::write("/proc/self/clear_refs", "5");
    let mut seconds: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            drop(work());
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    (seconds[repeats / 2], reset.map_or(f64::NAN, |()| peak_megabytes()))
}

fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}

/// The maps of all patches and how they cluster.
fn tree(model: &Model, trace: &Trace, rows_carried: Rows) -> MapTree {
    let patches: Vec<usize> = (trace.layout.prefix.len()..trace.num_tokens()).collect();
    let maps = rows(model, trace, &patches, rows_carried);
    let maps = maps.chunks_exact(trace.num_tokens()).zip(&patches);
    let maps = maps.flat_map(|(row, &p)| Heatmap::from_relevance(&trace.layout, row, p, Own::Max).values.to_vec()).collect();
    let Seen::Pixels { height, width, .. } = trace.input else { panic!("a text") };
    MapTree::new(maps, trace.layout.grid, (height, width), &Cancel::default()).expect("a tree")
}

/// Everything from pixels to labels: forward with its trace, maps, distances, linkage, cut.
fn segmented(model: &Model, input: &ModelInput<'_>, rows_carried: Rows) -> Segmentation {
    let trace = model.trace(input, &Cancel::default(), &Progress::default()).expect("a trace");
    tree(model, &trace, rows_carried).segmentation(Cut::Clusters(6))
}

fn table(name: &str, folder: &Path, photo: &Path, oracle: Option<&oracle::Case<'_>>) {
    let model = Model::load(folder, &Device::Cpu).expect("a checkpoint");
    let (pixels, size) = prepared(&model, photo);
    let input = ModelInput::Pixels { values: &pixels, height: size.0, width: size.1 };
    let run = || model.trace(&input, &Cancel::default(), &Progress::default()).expect("a trace");
    let trace = run();
    let patches: Vec<usize> = (trace.layout.prefix.len()..trace.num_tokens()).collect();
    let all: Vec<usize> = (0..trace.num_tokens()).collect();
    let middle = patches.len() / 2;
    let tree = tree(&model, &trace, Rows::Some(8));
    let cases = [
        ("forward with its trace", measured(15, run), "forward"),
        ("exact rows, 1 target", measured(5, || rows(&model, &trace, &patches[middle..=middle], Rows::All)), "exact 1"),
        ("exact rows, 8 targets", measured(3, || rows(&model, &trace, &patches[middle..middle + 8], Rows::All)), "exact 8"),
        ("exact rows, all patches", measured(1, || rows(&model, &trace, &patches, Rows::All)), ""),
        ("own-row, all tokens", measured(15, || rows(&model, &trace, &all, Rows::Some(1))), "own-row"),
        ("K = 8, all patches", measured(3, || rows(&model, &trace, &patches, Rows::Some(8))), "K = 8"),
        ("segmentation, K = 8", measured(3, || segmented(&model, &input, Rows::Some(8))), ""),
        ("segmentation, K = 1", measured(5, || segmented(&model, &input, Rows::Some(1))), ""),
        ("recut at 6 clusters", measured(15, || tree.segmentation(Cut::Clusters(6))), ""),
        ("recut at 20 clusters", measured(15, || tree.segmentation(Cut::Clusters(20))), ""),
    ];
    let witness = oracle.and_then(oracle::run).unwrap_or_default();
    println!("{name}: {} tokens, {} wide, {} layers", trace.num_tokens(), model.width(), model.num_layers());
    println!("  {:<26}{:>10}{:>9}{:>12}   PyTorch", "", "seconds", "", "peak MB");
    let forward = cases[0].1.0;
    let torch_forward = witness.get("forward").copied();
    for (what, (seconds, peak), key) in cases {
        let torch = witness.get(key).map_or_else(String::new, |torch| {
            let multiple = torch_forward.map_or_else(String::new, |f| format!(" [{:.2}]", torch / f));
            format!("{torch:.4}{multiple}, ours takes {:.2} of it", seconds / torch)
        });
        println!("  {what:<26}{seconds:>10.4}{:>9}{peak:>12.0}   {torch}", format!("[{:.2}]", seconds / forward));
    }
    for (what, seconds) in witness.iter().filter(|(what, _)| what.starts_with("ultra_torch")) {
        println!("  {what}: {seconds:.4} s");
    }
    println!();
}
