//! A model that forgets what it learned: the control of sanity checks for maps.
//!
//! J. Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018 (cascading randomisation). There weights are drawn anew from the
//! distribution that they were initialised by; checkpoints do not say which that was, so here the numbers of each weight change
//! places by lot: what is learned is gone, and sizes stay as they were.

use candle_core::Tensor;

use super::Model;
use super::block::Linear;
use crate::domain::Result;

impl Model {
    /// Shuffles the weights of the block whose output is layer `index + 1`; norms keep theirs. `shuffle` puts the numbers of one
    /// weight into another order.
    ///
    /// # Errors
    /// [`crate::domain::Error::Internal`] when the device gives nothing back.
    pub fn randomise_block(&mut self, index: usize, shuffle: &mut dyn FnMut(&mut [f32])) -> Result<()> {
        let Some(block) = self.blocks.get_mut(index) else { return Ok(()) };
        for linear in [&mut block.qkv, &mut block.out, &mut block.up, &mut block.down] {
            *linear = Linear { weight: shuffled(&linear.weight, shuffle)?, bias: shuffled(&linear.bias, shuffle)? };
        }
        Ok(())
    }
}

fn shuffled(tensor: &Tensor, shuffle: &mut dyn FnMut(&mut [f32])) -> Result<Tensor> {
    let mut values = super::trace::values(tensor)?;
    shuffle(&mut values);
    Ok(Tensor::from_vec(values, tensor.shape(), tensor.device())?.to_dtype(tensor.dtype())?)
}
