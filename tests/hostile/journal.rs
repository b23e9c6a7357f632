//! Folders of evaluations: rows, settings and pictures, as a merge reads them.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;
use tokenscope::domain::Result;
use tokenscope::engine::evaluate::merge;

use crate::harness::{Kind, Reader, Seed};
use crate::program::Desk;

pub struct Journals {
    out: TempDir,
}

impl Journals {
    pub fn new() -> Self {
        Self { out: TempDir::new().unwrap() }
    }
}

const NAMES: [&str; 3] = ["rows.jsonl", "settings.json", "pictures.json"];

impl Reader for Journals {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn seeds(&self) -> Vec<Seed> {
        let desk = Desk::new();
        ["data/images", "data/masks"].iter().for_each(|folder| fs::create_dir_all(desk.path(folder)).unwrap());
        for i in 0..3_u32 {
            let shade = |x: u32, y: u32| ((x * 7 + y * 13 + i * 29) % 200) as u8;
            RgbImage::from_fn(40, 40, |x, y| Rgb([shade(x, y), 90, 30]))
                .save(desk.path(&format!("data/images/p{i}.png")))
                .unwrap();
            GrayImage::from_fn(40, 40, |x, _| Luma([u8::from(x < 20)])).save(desk.path(&format!("data/masks/p{i}.png"))).unwrap();
        }
        let segments = "segments @data --method kmeans --method random --clusters 3";
        let maps = "faithfulness @data/images --method ultra --limit 2 --steps 4";
        let mut seeds = Vec::new();
        for (out, what) in [("segments", segments), ("maps", maps)] {
            desk.run(&format!("evaluate {what} --model %vit --out @{out}")).done();
            for name in NAMES {
                let kind = if name == NAMES[0] { Kind::JsonLines } else { Kind::Json };
                let seed = Seed::new(name, desk.read(&format!("{out}/{name}")), kind);
                let others = NAMES.iter().filter(|other| **other != name);
                seeds.push(others.fold(seed, |seed, other| seed.beside(other, desk.read(&format!("{out}/{other}")))));
            }
        }
        seeds
    }

    fn read(&mut self, file: &Path) -> Result<()> {
        let out = self.out.path().join("all");
        let done = merge(&[file.parent().unwrap().to_owned()], &out).map(drop);
        if out.exists() {
            fs::remove_dir_all(out).unwrap();
        }
        done
    }
}
