//! What the attention knows of where tokens stand: rotations of queries and keys, and biases of the scores.

use candle_core::{DType, Device, Tensor};

use crate::domain::Result;
use crate::domain::grid::Grid;
use crate::domain::resample::{Taps, resample_plane, torch_bilinear_taps};
use crate::domain::token::{TokenKind, TokenLayout};

/// Rotary positions: the pair (i, i + d/2) of every query and key is turned by an angle (Su et al. 2021, in the layout of
/// transformers).
#[derive(Clone, Debug, PartialEq)]
pub enum Rotary {
    /// By position times frequency.
    Sequence {
        /// `[d/2]`, radians a position.
        frequencies: Vec<f64>,
    },
    /// By the place of the patch's centre in the image, from -1 to 1: first by its row, then by its column. Prefix tokens are not
    /// turned (DINOv3).
    Grid {
        /// `[d/4]`, radians a unit.
        frequencies: Vec<f64>,
    },
}

/// Cosines and sines of a sequence.
#[derive(Clone, Debug)]
pub struct Turn {
    /// `[T, d/2]`.
    pub cos: Tensor,
    /// `[T, d/2]`.
    pub sin: Tensor,
}

/// Where the tokens of a sequence stand, as far as a block must know.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Of the block's rotary positions, if it has them.
    pub turn: Option<Turn>,
    /// Patches.
    pub grid: Grid,
}

impl Rotary {
    /// The angles' cosines and sines for a sequence.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when candle cannot make the tensors.
    pub fn turn(&self, layout: &TokenLayout, device: &Device, dtype: DType) -> Result<Turn> {
        match self {
            Self::Sequence { .. } => self.turn_positions(0..layout.len(), device, dtype),
            Self::Grid { frequencies } => {
                let Grid { rows, cols } = layout.grid;
                let centre = |i: usize, n: usize| 2.0 * (i as f64 + 0.5) / n as f64 - 1.0;
                let angles = (0..layout.len()).flat_map(|position| {
                    let place = match layout.kind(position) {
                        Some(TokenKind::Patch { row, col }) => [centre(row, rows), centre(col, cols)],
                        _ => [0.0; 2],
                    };
                    place.into_iter().flat_map(|p| frequencies.iter().map(move |f| p * f))
                });
                turn_by(&angles.collect::<Vec<_>>(), 2 * frequencies.len(), device, dtype)
            }
        }
    }

    /// The same for positions of a sequence; nothing is turned by a grid here.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when candle cannot make the tensors.
    pub fn turn_positions(&self, positions: std::ops::Range<usize>, device: &Device, dtype: DType) -> Result<Turn> {
        let frequencies = match self {
            Self::Sequence { frequencies } => frequencies.clone(),
            Self::Grid { frequencies } => vec![0.0; 2 * frequencies.len()],
        };
        let angles: Vec<f64> = positions.flat_map(|p| frequencies.iter().map(move |f| p as f64 * f)).collect();
        turn_by(&angles, frequencies.len(), device, dtype)
    }
}

fn turn_by(angles: &[f64], half: usize, device: &Device, dtype: DType) -> Result<Turn> {
    let rows = angles.len() / half.max(1);
    let table = |f: fn(f64) -> f64| -> Result<Tensor> {
        let values: Vec<f64> = angles.iter().map(|&angle| f(angle)).collect();
        Ok(Tensor::from_vec(values, (rows, half), device)?.to_dtype(dtype)?)
    };
    Ok(Turn { cos: table(f64::cos)?, sin: table(f64::sin)? })
}

/// A bias of the scores by how far apart two patches lie (BEiT, Bao et al. 2021): a row of a table for every distance that two
/// patches of the trained grid can have, then three rows: CLS to patch, patch to CLS, CLS to CLS.
#[derive(Clone, Debug)]
pub struct RelativeBias {
    /// `[(2 rows - 1)(2 cols - 1) + 3, H]`.
    pub table: Tensor,
    /// The grid that the table was trained for.
    pub window: Grid,
}

impl RelativeBias {
    /// Rows of the table beyond distances.
    pub const EXTRA: usize = 3;

    /// Rows of the table for a grid.
    pub fn rows(grid: Grid) -> usize {
        (2 * grid.rows - 1) * (2 * grid.cols - 1) + Self::EXTRA
    }

    /// The bias between all tokens of CLS and a grid; for another grid than the trained one distances are interpolated
    /// (bilinear, as transformers' `BeitRelativePositionBias` does).
    ///
    /// # Shapes
    /// The result is `[H, T, T]`.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when shapes disagree.
    pub fn between(&self, grid: Grid) -> Result<Tensor> {
        let num_heads = self.table.dim(1)?;
        let planes: Vec<f32> = self.table.t()?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let (trained, tokens) = (Self::rows(self.window), grid.len() + 1);
        let mut out = Vec::with_capacity(num_heads * tokens * tokens);
        for plane in planes.chunks(trained.max(1)) {
            let (distances, extra) = plane.split_at(trained - Self::EXTRA);
            let distances = self.resized(distances, grid);
            let cols = 2 * grid.cols - 1;
            for i in 0..tokens {
                for j in 0..tokens {
                    out.push(match (i, j) {
                        (0, 0) => extra[2],
                        (0, _) => extra[0],
                        (_, 0) => extra[1],
                        _ => {
                            let (a, b) = (grid.row_col(i - 1), grid.row_col(j - 1));
                            distances[(a.0 + grid.rows - 1 - b.0) * cols + a.1 + grid.cols - 1 - b.1]
                        }
                    });
                }
            }
        }
        let bias = Tensor::from_vec(out, (num_heads, tokens, tokens), self.table.device())?;
        Ok(bias.to_dtype(self.table.dtype())?)
    }

    fn resized(&self, distances: &[f32], grid: Grid) -> Vec<f32> {
        if grid == self.window {
            return distances.to_vec();
        }
        let taps = |from: usize, to: usize| -> Vec<Taps> { torch_bilinear_taps(2 * from - 1, 2 * to - 1) };
        let (ys, xs) = (taps(self.window.rows, grid.rows), taps(self.window.cols, grid.cols));
        resample_plane(distances, 2 * self.window.cols - 1, &ys, &xs)
    }

    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        Ok(Self { table: self.table.to_dtype(dtype)?, window: self.window })
    }
}
