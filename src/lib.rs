//! Tokenscope: open an image, click a token at any layer of a transformer, and see at once what that token has come to mean.
//!
//! The program is this library and a thin binary. Its two clients, the window ([`app`]) and the command line ([`cli`]), put one
//! kind of question, [`domain::request::Request`], to one engine: flags parse into it, the window's lanes make it, caches key
//! on it, and the record beside every figure prints it, so that a figure is remade from its request alone.
//!
//! # Layers of the code
//!
//! Arrows point down only: a folder may name what stands on any lower row. Beside each other only `figure` may name `engine`,
//! whose answers it draws. `tests/layering.rs` reads the sources and fails on any other arrow.
//!
//! ```text
//!     app/ (egui)      cli/            the two clients; neither knows the other, neither names candle
//!         \            /
//!        engine/ <- figure/            jobs, caches, the worker thread · figures and data files
//!          |    \      \
//!     method/ segment/ measure/ render/ heatmaps · segmenters · scores · wgpu pipelines and their CPU twin
//!          |        |      |
//!     hub/ model/ input/   |           models of the hub · checkpoints, forward with a trace, backward · pictures and words
//!              \    |     /
//!   builtin/ store/ letters/            models and samples that the binary carries · files of tensors · fonts and shaping
//!         \     |     /
//!               guard/                  other people's code that may panic
//!                 |
//!                domain/               plain data and pure functions; std and serde only
//! ```
//!
//! - [`domain`]: requests, tokens, grids, heatmaps, linkage trees, colormaps, resampling, the error type, the switch that
//!   cancels. No files and no threads.
//! - [`builtin`]: two small models and a dozen samples inside the binary, for machines without a network and without files.
//! - [`store`]: where tensors lie in files, .safetensors or PyTorch's, and how they are read without trusting what a file says.
//! - [`letters`]: which way a text runs, which font draws a character, and which part of a shaped word is whose.
//! - [`guard`]: runs decoders and tokenizers on files that nobody has checked: their panics are quiet refusals, and waiting for them
//!   ends when the user cancels.
//! - [`input`]: from a file to the tensor that a model takes, with the arithmetic of Pillow and of Hugging Face's processors and
//!   tokenizers.
//! - [`hub`]: the hub's models on this machine, and how one comes here.
//! - [`model`]: one instrumented transformer for many checkpoints. A family is one file that maps config.json and weight names
//!   to the description of a block; the forward pass records a [`model::Trace`], the backward is written by hand.
//! - [`algebra`]: eigenvectors and singular vectors, by nalgebra.
//! - [`method`]: from a trace and target tokens to relevance rows. One file and one row of [`method::METHODS`] each; menus,
//!   help and tables come from there.
//! - [`segment`]: from features, or from the maps of all patches, to labels or to a linkage tree that is cut as often as one
//!   likes. One file and one row of [`segment::SEGMENTERS`] each.
//! - [`measure`]: scores of how far a map says what the model does, and how far segments are what people see.
//! - [`render`]: heatmaps and labels over a photo, by WGSL on the GPU and by the CPU twin that defines the right pixel.
//! - [`engine`]: answers requests, remembers models, traces and answers, runs the one worker thread of the window, and scores
//!   folders of pictures: [`engine::evaluate`].
//! - [`figure`]: lays an answer out in print units and writes pictures, numbers and the record. Needs no display and no GPU.
//! - [`cli`]: flags, progress, exit codes. [`app`]: lanes, commands, panes; a frame waits for nothing and computes nothing.
//!
//! From a click to a pixel: pointer, patch, command, lane, [`app::Lane::wanted`], worker, rows, heatmap, texture. The old
//! map stays, dimmed, until the new one is there.
//!
//! # Numbers
//!
//! Letters, in every file: T tokens in the model's sequence, N = rows x cols patches, L blocks, H heads, D width, K rows that
//! carry the cotangent of a backward.
//!
//! **Layers.** Layer 0 is what enters the first block; layer l, 1..L, is the residual stream after l blocks, before any final
//! norm: Hugging Face's `hidden_states[l]`. Negative numbers count from the top, -1 = L. The attention of layer l is that of the
//! block whose output is layer l: `attentions[l - 1]` there, `blocks.{l - 1}` in `TransformerLens`. The ULTra paper's l is l + 1
//! here. At layer 0 relevance is the identity row, similarity has the residual stream only, and attention has no answer.
//!
//! **Tokens.** A token's number is its position in the model's sequence, from 0, prefix tokens (class, distillation, registers)
//! included. Patches are also named by row and column, row 0 on top. A grid counts patches alone, in row-major order.
//!
//! **Matrices** have a row for each query and a column for each key; rows of attention sum to 1.
//!
//! # As a library
//!
//! ```no_run
//! use tokenscope::domain::request::{Request, Task, Tokens};
//! use tokenscope::engine::{Engine, Output};
//! use tokenscope::method::Control;
//!
//! # fn main() -> tokenscope::domain::Result<()> {
//! let mut request = Request::new(Task::Explain, "photo.jpg", "path/to/model-folder");
//! request.tokens = Tokens::These(vec!["7,7".parse()?]);
//! if let Output::Explanation(explanation) = Engine::default().run(&request, &Control::default())? {
//!     println!("{:?}", explanation.heatmap(0).values);
//! }
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs, unreachable_pub, clippy::missing_errors_doc)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

pub mod algebra;
pub mod app;
pub mod builtin;
pub mod cli;
pub mod domain;
pub mod engine;
pub mod figure;
pub mod guard;
pub mod hub;
pub mod input;
pub mod letters;
pub mod measure;
pub mod method;
pub mod model;
pub mod render;
pub mod segment;
pub mod store;
