//! Morphological thinning: strips the edges of a mask layer by layer until lines one pixel wide are left, without breaking or
//! shortening them.
//!
//! The algorithm is A1 of Z. Guo and R. W. Hall, Parallel Thinning with Two-Subiteration Algorithms, CACM 32(3), 1989, as MATLAB's
//! `bwmorph(mask, 'thin', Inf)` and scikit-image's `thin` implement it.

/// Thins a mask in place until nothing changes. Pixels outside the mask count as unset.
///
/// # Shapes
/// `mask` is `[height, width]`, row-major.
pub fn thin(mask: &mut [bool], width: usize) {
    let tables = [deletable(Half::NorthEast), deletable(Half::SouthWest)];
    let mut set: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).collect();
    loop {
        let before = set.len();
        for table in &tables {
            // All pixels of a pass see the mask as it was before the pass.
            let gone: Vec<usize> = set.iter().copied().filter(|&i| table[neighbours(mask, width, i)]).collect();
            gone.iter().for_each(|&i| mask[i] = false);
            set.retain(|&i| mask[i]);
        }
        if set.len() == before {
            return;
        }
    }
}

/// The eight neighbours of a pixel as bits, counter-clockwise from the east.
fn neighbours(mask: &[bool], width: usize, pixel: usize) -> usize {
    const AROUND: [(isize, isize); 8] = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)];
    let (y, x, height) = ((pixel / width) as isize, (pixel % width) as isize, (mask.len() / width) as isize);
    let is_set = |(dy, dx): (isize, isize)| {
        let (y, x) = (y + dy, x + dx);
        (0..height).contains(&y) && (0..width as isize).contains(&x) && mask[y as usize * width + x as usize]
    };
    AROUND.iter().enumerate().filter(|&(_, &step)| is_set(step)).map(|(bit, _)| 1 << bit).sum()
}

/// The sides from which one pass deletes.
#[derive(Clone, Copy)]
enum Half {
    NorthEast,
    SouthWest,
}

/// For each neighbourhood, whether a pass deletes its centre: conditions G1 to G3 of Guo and Hall.
fn deletable(half: Half) -> [bool; 256] {
    std::array::from_fn(|bits| {
        // Neighbours are numbered from 1; 9 is 1 again.
        let x = |i: usize| bits >> ((i - 1) % 8) & 1 == 1;
        let count = |holds: &dyn Fn(usize) -> bool| (1..=4).filter(|&k| holds(k)).count();
        let crossings = count(&|k| !x(2 * k - 1) && (x(2 * k) || x(2 * k + 1)));
        let pairs = count(&|k| x(2 * k - 1) || x(2 * k)).min(count(&|k| x(2 * k) || x(2 * k + 1)));
        let keeps_side = match half {
            Half::NorthEast => (x(2) || x(3) || !x(8)) && x(1),
            Half::SouthWest => (x(6) || x(7) || !x(4)) && x(5),
        };
        crossings == 1 && (2..=3).contains(&pairs) && !keeps_side
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thinned(rows: &[&str]) -> Vec<String> {
        let width = rows[0].len();
        let mut mask: Vec<bool> = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        thin(&mut mask, width);
        mask.chunks(width).map(|row| row.iter().map(|&set| if set { '#' } else { '.' }).collect()).collect()
    }

    #[test]
    fn stairs_lose_their_corners_and_lines_stay() {
        // A jagged boundary as `boundary` draws it, which is what thinning is for.
        assert_eq!(thinned(&["##....", ".##...", "..##..", "...##.", "....##"]).concat().matches('#').count(), 6);
        let line = ["......", ".####.", "......"];
        assert_eq!(thinned(&line), line);
        assert_eq!(thinned(&["###", "###", "###"]), ["...", ".#.", "..."]);
        assert_eq!(thinned(&["#"]), ["#"]);
        thin(&mut [], 0);
    }
}
