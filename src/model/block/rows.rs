//! Which rows of the residual stream carry a cotangent.

/// The same number of rows for each of several targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    /// Rows a target, K.
    pub per_target: usize,
    /// `[targets * K]`, the token of each row.
    pub tokens: Vec<usize>,
    /// Whether every target has every token, in order.
    pub all: bool,
}

impl RowSet {
    /// The targets' own rows: K = 1.
    pub fn own(targets: &[usize]) -> Self {
        Self { per_target: 1, tokens: targets.to_vec(), all: false }
    }

    /// Every row: exact.
    pub fn all(num_targets: usize, num_tokens: usize) -> Self {
        let tokens = (0..num_targets).flat_map(|_| 0..num_tokens).collect();
        Self { per_target: num_tokens, tokens, all: true }
    }

    /// For each target its own row first, then the rows where its map is largest.
    ///
    /// # Shapes
    /// `maps` is `[targets, T]`.
    pub fn strongest(targets: &[usize], maps: &[f32], per_target: usize) -> Self {
        let num_tokens = maps.len() / targets.len().max(1);
        let keep = per_target.clamp(1, num_tokens);
        let mut tokens = Vec::with_capacity(targets.len() * keep);
        for (&own, map) in targets.iter().zip(maps.chunks_exact(num_tokens)) {
            let mut others: Vec<usize> = (0..num_tokens).filter(|&j| j != own).collect();
            let larger = |a: &usize, b: &usize| map[*b].total_cmp(&map[*a]).then(a.cmp(b));
            if keep - 1 < others.len() && keep > 1 {
                others.select_nth_unstable_by(keep - 2, larger);
            }
            others.truncate(keep - 1);
            others.sort_unstable();
            tokens.push(own);
            tokens.append(&mut others);
        }
        Self { per_target: keep, tokens, all: false }
    }

    /// For one target of several rows: these first, then the rows where its map is largest.
    ///
    /// # Shapes
    /// `map` is `[T]`; `keep` rows in all, at least as many as `own`.
    pub fn around(own: &[usize], map: &[f32], keep: usize) -> Self {
        let mut others: Vec<usize> = (0..map.len()).filter(|j| !own.contains(j)).collect();
        others.sort_by(|&a, &b| map[b].total_cmp(&map[a]).then(a.cmp(&b)));
        others.truncate(keep.saturating_sub(own.len()));
        others.sort_unstable();
        let tokens: Vec<usize> = own.iter().copied().chain(others).collect();
        Self { per_target: tokens.len(), tokens, all: false }
    }

    /// R, rows in all.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Number of targets.
    pub fn num_targets(&self) -> usize {
        self.len() / self.per_target.max(1)
    }
}

/// From the rows that carry a cotangent above a block to those that carry one below it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Above the block.
    pub from: &'a RowSet,
    /// Below the block, each target's rows of `from` among them; `None` at the lowest block, whose input nobody asks for.
    pub to: Option<&'a RowSet>,
}

impl Step<'_> {
    /// For each row of `to` the row of `from` that is the same token of the same target, if there is one.
    pub fn sources(&self) -> Vec<Option<usize>> {
        let Some(to) = self.to else { return Vec::new() };
        if std::ptr::eq(to, self.from) || to == self.from {
            return (0..to.len()).map(Some).collect();
        }
        let per_from = self.from.per_target;
        let source = |(row, token): (usize, &usize)| {
            let first = row / to.per_target * per_from;
            let among = &self.from.tokens[first..first + per_from];
            among.iter().position(|t| t == token).map(|place| first + place)
        };
        to.tokens.iter().enumerate().map(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_rows_are_kept_with_the_own_row_first() {
        let maps = [0.1, 0.9, 0.3, 0.2, 0.5, 0.0, 0.4, 0.6];
        let set = RowSet::strongest(&[1, 0], &maps, 3);
        assert_eq!(set.tokens, [1, 2, 3, 0, 2, 3]);
        assert_eq!(RowSet::strongest(&[1, 0], &maps, 1).tokens, [1, 0]);
        assert_eq!(RowSet::strongest(&[1, 0], &maps, 99).per_target, 4);
        assert_eq!(set.num_targets(), 2);
    }

    #[test]
    fn sources_find_the_own_row_in_the_larger_set() {
        let own = RowSet::own(&[2, 0]);
        let all = RowSet::all(2, 3);
        let step = Step { from: &own, to: Some(&all) };
        assert_eq!(step.sources(), [None, None, Some(0), Some(1), None, None]);
    }
}
