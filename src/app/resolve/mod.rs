//! From answers to what is on the screen: the map, the matrix and the segmentation of a lane, found once a frame before anything is
//! drawn.

pub mod carry;
pub mod cut;
pub mod map;
pub mod matrix;
pub mod pointing;
pub mod view;
