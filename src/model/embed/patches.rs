//! Layer 0 of an image: patches, positions, prefix tokens.

use candle_core::{DType, Tensor};

use crate::domain::grid::Grid;
use crate::domain::resample::{Kernel, Taps, pillow_taps, resample_plane, torch_bicubic_taps};
use crate::domain::token::{TokenKind, TokenLayout};
use crate::domain::{Error, Result};
use crate::model::block::{Linear, Norm, composed};

/// How a position table is resized for another grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// PyTorch's bicubic, a = -0.75.
    Bicubic,
    /// PyTorch's bicubic with antialias, a = -0.5.
    BicubicAntialias,
}

/// Weights and shape of the embedding.
#[derive(Clone, Debug)]
pub struct Patches {
    /// Pixels a side.
    pub patch_size: usize,
    /// Pixels a side of the images that the checkpoint was trained on.
    pub image_size: usize,
    /// `[D, 3 P P]`.
    pub patch: Linear,
    /// Prefix tokens with their positions added.
    pub prefix: Vec<(TokenKind, Tensor)>,
    /// `[n, D]`, positions of the patches of the grid that the model was trained on, where positions are learned.
    pub positions: Option<Tensor>,
    /// That grid.
    pub trained_grid: Grid,
    /// How `positions` are resized.
    pub resize: Positions,
    /// Over all tokens, before the first block (CLIP).
    pub norm: Option<Norm>,
}

impl Patches {
    /// The sequence for an input of so many pixels.
    pub fn layout(&self, height: usize, width: usize) -> TokenLayout {
        let grid = Grid { rows: height / self.patch_size, cols: width / self.patch_size };
        TokenLayout::image(self.prefix.iter().map(|(kind, _)| kind.clone()).collect(), grid)
    }

    /// Layer 0.
    ///
    /// # Shapes
    /// `pixels` is `[3, height, width]`; the result `[T, D]`.
    ///
    /// # Errors
    /// A refusal when a side is no multiple of the patch.
    pub fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let (channels, height, width) = pixels.dims3()?;
        let side = self.patch_size;
        if channels != 3 || height % side != 0 || width % side != 0 || height * width == 0 {
            return Err(Error::refused("pixel_values", format!("shape [{channels}, {height}, {width}]"))
                .expected(format!("[3, H, W] with H and W multiples of the patch size {side}")));
        }
        let grid = self.layout(height, width).grid;
        let patches = pixels
            .reshape((3, grid.rows, side, grid.cols, side))?
            .permute((1, 3, 0, 2, 4))? // rows, cols, channel, y, x
            .contiguous()?
            .reshape((grid.len(), 3 * side * side))?;
        let patches = patches.matmul(&self.patch.weight.t()?)?.broadcast_add(&self.patch.bias)?;
        let patches = match self.positions_for(grid)? {
            Some(positions) => (patches + positions)?,
            None => patches,
        };
        let prefix: Vec<Tensor> = self.prefix.iter().map(|(_, t)| t.unsqueeze(0)).collect::<candle_core::Result<_>>()?;
        let mut rows: Vec<&Tensor> = prefix.iter().collect();
        rows.push(&patches);
        let tokens = Tensor::cat(&rows, 0)?;
        match &self.norm {
            Some(norm) => Ok(composed::norm(&tokens, norm)?.0),
            None => Ok(tokens),
        }
    }

    pub(super) fn to_dtype(&self, dtype: DType) -> Result<Self> {
        let prefix = self.prefix.iter().map(|(kind, token)| Ok((kind.clone(), token.to_dtype(dtype)?)));
        Ok(Self {
            patch: self.patch.to_dtype(dtype)?,
            positions: self.positions.as_ref().map(|p| p.to_dtype(dtype)).transpose()?,
            norm: self.norm.as_ref().map(|n| n.to_dtype(dtype)).transpose()?,
            prefix: prefix.collect::<Result<_>>()?,
            ..self.clone()
        })
    }

    /// `[N, D]`: the table itself for the trained grid, interpolated for any other.
    fn positions_for(&self, grid: Grid) -> Result<Option<Tensor>> {
        let Some(positions) = &self.positions else { return Ok(None) };
        if grid == self.trained_grid {
            return Ok(Some(positions.clone()));
        }
        let taps = |from: usize, to: usize| -> Vec<Taps> {
            match self.resize {
                Positions::Bicubic => torch_bicubic_taps(from, to),
                Positions::BicubicAntialias => pillow_taps(from, to, Kernel::Bicubic),
            }
        };
        let (ys, xs) = (taps(self.trained_grid.rows, grid.rows), taps(self.trained_grid.cols, grid.cols));
        let width = positions.dim(1)?;
        let planes: Vec<f32> = positions.t()?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let resized: Vec<f32> =
            planes.chunks(self.trained_grid.len()).flat_map(|p| resample_plane(p, self.trained_grid.cols, &ys, &xs)).collect();
        let resized = Tensor::from_vec(resized, (width, grid.len()), positions.device())?;
        Ok(Some(resized.t()?.contiguous()?.to_dtype(positions.dtype())?))
    }
}
