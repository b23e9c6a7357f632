//! How the lanes lie beside each other.

use serde::{Deserialize, Serialize};

use super::lane::LaneId;

/// A lane, or lanes side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One lane.
    Lane(LaneId),
    /// From left to right.
    Row(Vec<Share>),
    /// From top to bottom.
    Column(Vec<Share>),
    /// One in front of the other.
    Tabs(Vec<Layout>),
}

/// A part of a row or a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Its size against those of its neighbours.
    pub size: f32,
    /// What lies there.
    pub of: Layout,
}

impl Layout {
    /// Equal lanes from left to right.
    pub fn row(lanes: impl IntoIterator<Item = LaneId>) -> Self {
        Self::Row(lanes.into_iter().map(|id| Share { size: 1.0, of: Self::Lane(id) }).collect())
    }

    /// Every lane that it holds, in reading order.
    pub fn lanes(&self) -> Vec<LaneId> {
        match self {
            Self::Lane(id) => vec![*id],
            Self::Row(shares) | Self::Column(shares) => shares.iter().flat_map(|share| share.of.lanes()).collect(),
            Self::Tabs(tabs) => tabs.iter().flat_map(Self::lanes).collect(),
        }
    }

    /// Puts a lane at the right of another one.
    pub fn insert(&mut self, new: LaneId, beside: LaneId) {
        let pair = |old: Self| Self::Row(vec![Share { size: 1.0, of: old }, Share { size: 1.0, of: Self::Lane(new) }]);
        match self {
            Self::Lane(_) => *self = pair(self.clone()),
            Self::Row(shares) => match shares.iter().position(|share| share.of == Self::Lane(beside)) {
                Some(at) => shares.insert(at + 1, Share { size: shares[at].size, of: Self::Lane(new) }),
                None => Self::insert_below(shares.iter_mut().map(|share| &mut share.of), new, beside),
            },
            Self::Column(shares) => Self::insert_below(shares.iter_mut().map(|share| &mut share.of), new, beside),
            Self::Tabs(_) => *self = pair(self.clone()),
        }
    }

    fn insert_below<'a>(mut parts: impl Iterator<Item = &'a mut Self>, new: LaneId, beside: LaneId) {
        if let Some(part) = parts.find(|part| part.lanes().contains(&beside)) {
            part.insert(new, beside);
        }
    }

    /// Takes a lane away; `None` where nothing is left.
    #[must_use]
    pub fn without(self, gone: LaneId) -> Option<Self> {
        let shares = |shares: Vec<Share>| -> Vec<Share> {
            shares.into_iter().filter_map(|share| Some(Share { of: share.of.without(gone)?, ..share })).collect()
        };
        let part = match self {
            Self::Lane(id) => return (id != gone).then_some(self),
            Self::Row(parts) => Self::Row(shares(parts)),
            Self::Column(parts) => Self::Column(shares(parts)),
            Self::Tabs(tabs) => Self::Tabs(tabs.into_iter().filter_map(|tab| tab.without(gone)).collect()),
        };
        part.simple()
    }

    /// A row of one is that one.
    fn simple(self) -> Option<Self> {
        match self {
            Self::Row(mut parts) | Self::Column(mut parts) if parts.len() < 2 => parts.pop().map(|share| share.of),
            Self::Tabs(mut tabs) if tabs.len() < 2 => tabs.pop(),
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_come_and_go() {
        let [a, b, c] = [0, 1, 2].map(LaneId);
        let mut layout = Layout::Lane(a);
        layout.insert(b, a);
        layout.insert(c, a);
        assert_eq!((layout.lanes(), &layout), (vec![a, c, b], &Layout::row([a, c, b])));
        layout = layout.without(c).unwrap();
        assert_eq!(layout, Layout::row([a, b]));
        let column = Layout::Column(vec![Share { size: 2.0, of: layout }, Share { size: 1.0, of: Layout::Lane(c) }]);
        assert_eq!(column.clone().without(b).unwrap().lanes(), [a, c]);
        assert_eq!(column.without(c).unwrap().without(a).unwrap(), Layout::Lane(b));
        assert_eq!(Layout::Lane(a).without(a), None);
    }
}
