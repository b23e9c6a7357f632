//! The patches of a segment, where a scalar follows them.

use super::{Engine, Output};
use crate::domain::request::{Cut, Params, Request, Rows, Scalar, Task};
use crate::domain::token::TokenRef;
use crate::domain::{Error, Result};
use crate::method::{Control, Uses, by_id};

/// Rows of the backward whose maps are clustered, as `segment` has them.
const ROWS: usize = 8;

impl Engine {
    /// The request with a segment in its scalar replaced by the segment's patches; `None` where there is none.
    ///
    /// # Errors
    /// A refusal of texts, and of segments that the picture has not; [`Error::Cancelled`].
    pub(super) fn with_members(&mut self, request: &Request, control: &Control) -> Result<Option<Request>> {
        let Scalar::Cluster { number, of } = request.params.scalar else { return Ok(None) };
        let is_used = by_id(&request.method).is_ok_and(|method| method.info().uses(Uses::Scalar));
        if !is_used || !matches!(request.task, Task::Explain | Task::Segment { .. }) {
            return Ok(None);
        }
        let cut = Cut::Clusters(of);
        let params = Params { rows: Rows::Some(ROWS), ..Params::default() };
        let segments = Request {
            task: Task::Segment { cut },
            method: "ultra".to_owned(),
            params,
            score: false,
            layers: false,
            ..request.clone()
        };
        let Output::Segments(segments) = self.run(&segments, control)? else {
            return Err(Error::Internal("segments without any".to_owned()));
        };
        let labels = segments.partition.segmentation(cut).patch_labels;
        let layout = &segments.scene.layout;
        let members = labels.iter().enumerate().filter(|(_, label)| usize::from(**label) == number);
        let tokens: Vec<TokenRef> = members.map(|(patch, _)| TokenRef::Position(layout.position_of(patch))).collect();
        if tokens.is_empty() {
            let count = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
            return Err(Error::refused(
                format!("--scalar {}", request.params.scalar),
                format!("the picture has {count} segments"),
            )
            .expected(format!("cluster:0/{of} to cluster:{}/{of}", count.saturating_sub(1))));
        }
        let params = Params { scalar: Scalar::Token(tokens), ..request.params.clone() };
        Ok(Some(Request { params, ..request.clone() }))
    }
}
