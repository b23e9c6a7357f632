//! What a lane can ask and does ask: which methods fit what is open, the requests that the screen needs, and the answers that came.

pub mod answers;
pub mod continuation;
pub mod mend;
pub mod obstacle;
pub mod refusal;
pub mod registry;
pub mod requests;
pub mod tokens;
pub mod verification;
pub mod wanted;
