//! SLIC (Achanta et al., TPAMI 2012): k-means of pixels in colour and place, each centre looking only around itself.

use std::collections::VecDeque;

use super::regions::Regions;
use crate::domain::{Cancel, Result};

/// How superpixels are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slic {
    /// About how many.
    pub count: usize,
    /// How much place counts against colour: about 10 for CIELAB.
    pub compactness: f64,
    /// Rounds of k-means.
    pub rounds: usize,
}

impl Default for Slic {
    fn default() -> Self {
        Self { count: 256, compactness: 10.0, rounds: 10 }
    }
}

/// A centre, and a sum of pixels on the way to one: L, a, b, x, y.
type Place = [f64; 5];

/// The superpixels of a picture. Every one hangs together; those smaller than a quarter of the mean size are joined to a neighbour.
///
/// # Shapes
/// `rgb` is `[height, width, 3]`, encoded sRGB.
///
/// # Errors
/// [`crate::domain::Error::Cancelled`].
pub fn slic(rgb: &[u8], (height, width): (usize, usize), how: Slic, cancel: &Cancel) -> Result<Regions> {
    let lab: Vec<[f64; 3]> = rgb.as_chunks::<3>().0.iter().map(|&rgb| lab_from_srgb(rgb)).collect();
    let count = how.count.clamp(1, (height * width).clamp(1, usize::from(u16::MAX)));
    let step = ((height * width) as f64 / count as f64).sqrt().max(1.0);
    let mut centres = seeds(&lab, (height, width), step);
    let mut labels = vec![0_usize; lab.len()];
    for _ in 0..how.rounds.max(1) {
        cancel.check()?;
        assign(&lab, (height, width), &centres, (step, how.compactness), &mut labels);
        move_to_means(&lab, width, &labels, &mut centres);
    }
    let (labels, count) = connected(&labels, (height, width), lab.len() / centres.len().max(1) / 4);
    Ok(Regions { labels: labels.into(), height, width, count })
}

/// Centres on a regular grid, each moved to the flattest of the nine pixels around it, away from edges and lone pixels.
fn seeds(lab: &[[f64; 3]], (height, width): (usize, usize), step: f64) -> Vec<Place> {
    let along = |length: usize| {
        let count = ((length as f64 / step).round() as usize).clamp(1, length.max(1));
        (0..count).map(move |i| (i * 2 + 1) * length / (count * 2))
    };
    let at = |y: usize, x: usize| lab[y.min(height - 1) * width + x.min(width - 1)];
    let slope = |y: usize, x: usize| {
        let apart = |a: [f64; 3], b: [f64; 3]| (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>();
        apart(at(y, x + 1), at(y, x.saturating_sub(1))) + apart(at(y + 1, x), at(y.saturating_sub(1), x))
    };
    let flattest = |y: usize, x: usize| {
        let around = (y.saturating_sub(1)..=y + 1).flat_map(|y| (x.saturating_sub(1)..=x + 1).map(move |x| (y, x)));
        let inside = around.filter(|&(y, x)| y < height && x < width);
        inside.fold((y, x), |best, place| if slope(place.0, place.1) < slope(best.0, best.1) { place } else { best })
    };
    let places = along(height).flat_map(|y| along(width).map(move |x| (y, x)));
    let centre = |(y, x): (usize, usize)| {
        let [l, a, b] = at(y, x);
        [l, a, b, x as f64, y as f64]
    };
    if lab.is_empty() { Vec::new() } else { places.map(|(y, x)| centre(flattest(y, x))).collect() }
}

/// Each pixel to the nearest of the centres that look at it; one that none looks at keeps its label.
fn assign(lab: &[[f64; 3]], (height, width): (usize, usize), centres: &[Place], how: (f64, f64), labels: &mut [usize]) {
    let (step, compactness) = how;
    let of_place = (compactness / step).powi(2);
    let mut nearest = vec![f64::INFINITY; lab.len()];
    let window = |centre: f64, length: usize| {
        let from = (centre - step).max(0.0) as usize;
        from..((centre + step) as usize + 1).min(length)
    };
    for (label, &[l, a, b, cx, cy]) in centres.iter().enumerate() {
        for y in window(cy, height) {
            for x in window(cx, width) {
                let [pl, pa, pb] = lab[y * width + x];
                let colour = (pl - l).powi(2) + (pa - a).powi(2) + (pb - b).powi(2);
                let distance = colour + ((x as f64 - cx).powi(2) + (y as f64 - cy).powi(2)) * of_place;
                if distance < nearest[y * width + x] {
                    (nearest[y * width + x], labels[y * width + x]) = (distance, label);
                }
            }
        }
    }
}

fn move_to_means(lab: &[[f64; 3]], width: usize, labels: &[usize], centres: &mut [Place]) {
    let mut sums = vec![([0.0; 5], 0_usize); centres.len()];
    for (pixel, (&[l, a, b], &label)) in lab.iter().zip(labels).enumerate() {
        let place = [l, a, b, (pixel % width) as f64, (pixel / width) as f64];
        let (sum, count) = &mut sums[label];
        sum.iter_mut().zip(place).for_each(|(s, p)| *s += p);
        *count += 1;
    }
    for (centre, (sum, count)) in centres.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0) {
        *centre = sum.map(|s| s / count as f64);
    }
}

/// Labels of connected parts, numbered by their first pixel; parts smaller than `smallest` join the part to their left or above.
fn connected(labels: &[usize], (height, width): (usize, usize), smallest: usize) -> (Vec<u16>, usize) {
    const NONE: usize = usize::MAX;
    let mut parts = vec![NONE; labels.len()];
    let mut count = 0;
    for first in 0..labels.len() {
        if parts[first] != NONE {
            continue;
        }
        // What stands before the first pixel of a part is numbered already.
        let before = if first % width > 0 { Some(first - 1) } else { first.checked_sub(width) };
        let (mut part, mut waiting) = (vec![first], VecDeque::from([first]));
        parts[first] = count;
        while let Some(pixel) = waiting.pop_front() {
            for next in beside(pixel, (height, width)).filter(|&next| labels[next] == labels[first]) {
                if parts[next] == NONE {
                    parts[next] = count;
                    part.push(next);
                    waiting.push_back(next);
                }
            }
        }
        // No more than a label of 16 bits can count; a picture of so many parts is noise.
        match before.filter(|_| part.len() < smallest || count >= usize::from(u16::MAX)) {
            Some(before) => {
                let joined = parts[before];
                part.iter().for_each(|&pixel| parts[pixel] = joined);
            }
            None => count += 1,
        }
    }
    (parts.into_iter().map(|part| part as u16).collect(), count)
}

/// The pixels that share a side with one.
fn beside(pixel: usize, (height, width): (usize, usize)) -> impl Iterator<Item = usize> {
    let (y, x) = (pixel / width, pixel % width);
    let left = (x > 0).then(|| pixel - 1);
    let right = (x + 1 < width).then_some(pixel + 1);
    let above = (y > 0).then(|| pixel - width);
    let below = (y + 1 < height).then_some(pixel + width);
    [left, right, above, below].into_iter().flatten()
}

/// CIELAB under D65 from encoded sRGB (IEC 61966-2-1).
fn lab_from_srgb(rgb: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    });
    let x = (0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47;
    let y = 0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b;
    let z = (0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / 1.088_83;
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    [116.0 * f(y) - 16.0, 500.0 * (f(x) - f(y)), 200.0 * (f(y) - f(z))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_cielab_are_the_published_ones() {
        for (rgb, want) in [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
        ] {
            let got = lab_from_srgb(rgb);
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 0.02), "{rgb:?}: {got:?}");
        }
    }

    /// A disk on a striped ground.
    fn picture(height: usize, width: usize) -> Vec<u8> {
        let pixel = |y: usize, x: usize| {
            let inside = (y as f64 - 30.0).powi(2) + (x as f64 - 40.0).powi(2) < 400.0;
            if inside { [220, 40, 30] } else { [20, (90 + y) as u8, 200] }
        };
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect()
    }

    #[test]
    fn superpixels_hang_together_are_about_as_many_as_asked_and_follow_edges() {
        let size = (64, 80);
        let rgb = picture(size.0, size.1);
        let how = Slic { count: 60, ..Slic::default() };
        let regions = slic(&rgb, size, how, &Cancel::default()).unwrap();
        assert!((40..=80).contains(&regions.count), "{}", regions.count);
        let again = connected(&regions.labels.iter().map(|&l| usize::from(l)).collect::<Vec<_>>(), size, 0);
        assert_eq!((again.0.as_slice(), again.1), (&*regions.labels, regions.count), "a superpixel in two parts");
        let mut reds = vec![(0, 0); regions.count];
        for (&label, rgb) in regions.labels.iter().zip(rgb.chunks(3)) {
            let (red, all) = &mut reds[usize::from(label)];
            *red += i32::from(rgb[0] > 100);
            *all += 1;
        }
        let mixed: i32 = reds.iter().map(|&(red, all)| red.min(all - red)).sum();
        assert!(mixed < 40, "{mixed} pixels on the wrong side of an edge");
        assert_eq!(slic(&rgb, size, how, &Cancel::default()).unwrap(), regions);
    }

    #[test]
    fn plain_and_tiny_pictures_do_no_harm() {
        let plain = slic(&[128; 30 * 20 * 3], (30, 20), Slic { count: 6, ..Slic::default() }, &Cancel::default()).unwrap();
        assert_eq!(plain.count, 6);
        let tiny = slic(&[1, 2, 3], (1, 1), Slic::default(), &Cancel::default()).unwrap();
        assert_eq!((tiny.count, tiny.labels.len()), (1, 1));
    }
}
