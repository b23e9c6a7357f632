//! Maximum matchings of bipartite graphs, and among these the one of least cost.
//!
//! A maximum matching (J. E. Hopcroft and R. M. Karp, SIAM Journal on Computing 2(4), 1973) splits the graph into a part where left
//! nodes are in surplus, one where right nodes are, and a rest without surplus (A. L. Dulmage and N. S. Mendelsohn, Canadian Journal
//! of Mathematics 10, 1958). No maximum matching has an edge between parts, and within a part each matches every node of the scarcer
//! side: an assignment problem, solved by shortest augmenting paths (R. Jonker and A. Volgenant, Computing 38, 1987).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The node at the other end of an edge, and the cost of the edge.
pub type Edge = (u32, u32);

/// The partner of each node of one side.
type Partners = Vec<Option<u32>>;

/// The cheapest of all maximum matchings: for each left node its partner.
///
/// # Shapes
/// `edges` holds the edges of each left node; right nodes are `0..num_right`.
pub fn cheapest_maximum_matching(edges: &[Vec<Edge>], num_right: usize) -> Vec<Option<u32>> {
    let (left, right) = maximum_matching(edges, num_right);
    let mut back: Vec<Vec<Edge>> = vec![Vec::new(); num_right];
    for (node, near) in edges.iter().enumerate() {
        near.iter().for_each(|&(r, cost)| back[r as usize].push((node as u32, cost)));
    }
    let (left_parts, right_parts) = parts((edges, &left), (&back, &right));
    let within = |near: &[Edge], parts: &[Part], own: Part| -> Vec<Edge> {
        near.iter().copied().filter(|&(other, _)| parts[other as usize] == own).collect()
    };
    let mut found = vec![None; edges.len()];
    let nodes = |parts: &[Part], wanted: &[Part]| -> Vec<usize> {
        (0..parts.len()).filter(|&node| wanted.contains(&parts[node])).collect()
    };
    let rights = nodes(&right_parts, &[Part::LeftSurplus]);
    let tasks: Vec<Vec<Edge>> = rights.iter().map(|&r| within(&back[r], &left_parts, Part::LeftSurplus)).collect();
    for (&r, node) in rights.iter().zip(cheapest_assignment(&tasks, edges.len())) {
        found[node] = Some(r as u32);
    }
    let lefts = nodes(&left_parts, &[Part::RightSurplus, Part::Even]);
    let tasks: Vec<Vec<Edge>> = lefts.iter().map(|&l| within(&edges[l], &right_parts, left_parts[l])).collect();
    for (&l, r) in lefts.iter().zip(cheapest_assignment(&tasks, num_right)) {
        found[l] = Some(r as u32);
    }
    found
}

/// Where a node belongs in Dulmage and Mendelsohn's decomposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    LeftSurplus,
    RightSurplus,
    Even,
}

/// The part of each left and of each right node, from the edges and the partners of either side.
fn parts((edges, left): (&[Vec<Edge>], &Partners), (back, right): (&[Vec<Edge>], &Partners)) -> (Vec<Part>, Vec<Part>) {
    let (surplus_left, surplus_right) = (reached(edges, left, right), reached(back, right, left));
    let part = |own: bool, partner: Option<u32>, others: &[bool], parts: [Part; 2]| {
        if own {
            parts[0]
        } else if partner.is_some_and(|partner| others[partner as usize]) {
            parts[1]
        } else {
            Part::Even
        }
    };
    let of_left = |l: usize| part(surplus_left[l], left[l], &surplus_right, [Part::LeftSurplus, Part::RightSurplus]);
    let of_right = |r: usize| part(surplus_right[r], right[r], &surplus_left, [Part::RightSurplus, Part::LeftSurplus]);
    ((0..left.len()).map(of_left).collect(), (0..right.len()).map(of_right).collect())
}

/// The nodes of one side that alternating paths from its free nodes reach, these included.
fn reached(edges: &[Vec<Edge>], own: &Partners, other: &Partners) -> Vec<bool> {
    let mut is_reached: Vec<bool> = own.iter().map(Option::is_none).collect();
    let mut left: Vec<usize> = (0..own.len()).filter(|&node| own[node].is_none()).collect();
    while let Some(node) = left.pop() {
        for partner in edges[node].iter().filter_map(|&(there, _)| other[there as usize]) {
            if !std::mem::replace(&mut is_reached[partner as usize], true) {
                left.push(partner as usize);
            }
        }
    }
    is_reached
}

/// Gives each task one of `0..count` of its own at the least total cost. There must be a way to do so.
fn cheapest_assignment(tasks: &[Vec<Edge>], count: usize) -> Vec<usize> {
    let mut given: Vec<Option<(usize, i64)>> = vec![None; tasks.len()];
    let mut search =
        Search { taken: vec![None; count], price: vec![0; count], distance: vec![i64::MAX; count], from: vec![0; count] };
    for start in 0..tasks.len() {
        search.augment(start, tasks, &mut given);
    }
    given.into_iter().flatten().map(|(place, _)| place).collect()
}

/// The state of an assignment of tasks to places.
struct Search {
    /// The task of each place.
    taken: Vec<Option<usize>>,
    /// Dual prices, at most 0, and 0 where a place is free.
    price: Vec<i64>,
    /// Scratch: lengths of shortest paths to places, and the task that each comes from.
    distance: Vec<i64>,
    from: Vec<usize>,
}

impl Search {
    /// Assigns one more task along the shortest path to a free place; `given` holds each task's place with the edge's cost.
    fn augment(&mut self, start: usize, tasks: &[Vec<Edge>], given: &mut [Option<(usize, i64)>]) {
        let (mut queue, mut seen, mut closed) = (BinaryHeap::new(), Vec::new(), Vec::new());
        let (mut task, mut offset) = (start, 0);
        let end = loop {
            for &(place, cost) in &tasks[task] {
                let place = place as usize;
                let length = offset + i64::from(cost) - self.price[place];
                if length < self.distance[place] {
                    if self.distance[place] == i64::MAX {
                        seen.push(place);
                    }
                    (self.distance[place], self.from[place]) = (length, task);
                    queue.push(Reverse((length, place)));
                }
            }
            // Entries that a shorter path has overtaken are stale.
            let fresh = std::iter::from_fn(|| queue.pop()).find(|Reverse((length, place))| *length == self.distance[*place]);
            let Some(Reverse((length, place))) = fresh else { break None };
            let Some(owner) = self.taken[place] else { break Some(place) };
            closed.push(place);
            let (_, cost) = given[owner].unwrap_or_default();
            (task, offset) = (owner, length - cost + self.price[place]);
        };
        if let Some(end) = end {
            let total = self.distance[end];
            closed.iter().for_each(|&place| self.price[place] += self.distance[place] - total);
            self.flip(start, end, tasks, given);
        }
        seen.into_iter().for_each(|place| self.distance[place] = i64::MAX);
    }

    /// Hands every place of a path on to the task before it.
    fn flip(&mut self, start: usize, end: usize, tasks: &[Vec<Edge>], given: &mut [Option<(usize, i64)>]) {
        let mut place = end;
        loop {
            let task = self.from[place];
            let cost = tasks[task].iter().find(|&&(there, _)| there as usize == place).map_or(0, |&(_, cost)| i64::from(cost));
            self.taken[place] = Some(task);
            let before = given[task].replace((place, cost));
            match before {
                Some((next, _)) if task != start => place = next,
                _ => return,
            }
        }
    }
}

/// A maximum matching: the partner of each left node, and of each right one.
fn maximum_matching(edges: &[Vec<Edge>], num_right: usize) -> (Partners, Partners) {
    let mut left: Partners = vec![None; edges.len()];
    let mut right: Partners = vec![None; num_right];
    // Most nodes find a partner at once.
    for (node, near) in edges.iter().enumerate() {
        if let Some(&(free, _)) = near.iter().find(|&&(r, _)| right[r as usize].is_none()) {
            (left[node], right[free as usize]) = (Some(free), Some(node as u32));
        }
    }
    while let Some(mut depth) = depths(edges, &left, &right) {
        let mut next = vec![0; edges.len()];
        let free: Vec<usize> = (0..edges.len()).filter(|&node| left[node].is_none()).collect();
        for node in free {
            augment(node, edges, &mut depth, &mut next, &mut left, &mut right);
        }
    }
    (left, right)
}

/// Layers of the shortest augmenting paths; `None` where no path from a free left node ends in a free right one.
fn depths(edges: &[Vec<Edge>], left: &[Option<u32>], right: &[Option<u32>]) -> Option<Vec<u32>> {
    let mut depth = vec![u32::MAX; edges.len()];
    let mut queue: VecDeque<usize> = (0..edges.len()).filter(|&node| left[node].is_none()).collect();
    queue.iter().for_each(|&node| depth[node] = 0);
    let mut found = false;
    while let Some(node) = queue.pop_front() {
        for &(r, _) in &edges[node] {
            match right[r as usize] {
                None => found = true,
                Some(other) if depth[other as usize] == u32::MAX => {
                    depth[other as usize] = depth[node] + 1;
                    queue.push_back(other as usize);
                }
                Some(_) => {}
            }
        }
    }
    found.then_some(depth)
}

/// Walks one such path from a free left node and flips it. The path is kept on the heap: it may be long.
fn augment(
    start: usize,
    edges: &[Vec<Edge>],
    depth: &mut [u32],
    next: &mut [usize],
    left: &mut [Option<u32>],
    right: &mut [Option<u32>],
) {
    let mut way = vec![start];
    while let Some(&node) = way.last() {
        let Some(&(r, _)) = edges[node].get(next[node]) else {
            // A dead end.
            depth[node] = u32::MAX;
            way.pop();
            continue;
        };
        next[node] += 1;
        match right[r as usize] {
            None => {
                for &node in way.iter().rev() {
                    let (taken, _) = edges[node][next[node] - 1];
                    (left[node], right[taken as usize]) = (Some(taken), Some(node as u32));
                }
                return;
            }
            Some(other) if depth[other as usize] == depth[node].saturating_add(1) => way.push(other as usize),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algebra::random::Random;

    #[test]
    fn a_matching_takes_back_what_it_gave() {
        // Left 0 first takes right 0, which is left 1's only one; left 2 pushes both further.
        let free = |near: &[u32]| near.iter().map(|&r| (r, 0)).collect::<Vec<Edge>>();
        let edges = [free(&[0, 1]), free(&[0]), free(&[1, 2]), free(&[2])];
        assert_eq!(cheapest_maximum_matching(&edges, 3).iter().flatten().count(), 3);
        let chain = (0..5000_u32).map(|i| if i == 0 { free(&[0]) } else { free(&[i - 1, i]) });
        let last: Vec<Vec<Edge>> = [free(&[4999])].into_iter().chain(chain).collect();
        assert_eq!(cheapest_maximum_matching(&last, 5000).iter().flatten().count(), 5000);
        assert!(cheapest_maximum_matching(&[], 0).is_empty());
    }

    /// Matched edges and their cost: the most edges, and of as many the cheapest, over every choice of partners.
    fn best(edges: &[Vec<Edge>], taken: u32) -> (usize, Reverse<u32>) {
        let Some((first, rest)) = edges.split_first() else { return (0, Reverse(0)) };
        let with = |&(r, cost): &Edge| {
            let (count, Reverse(sum)) = best(rest, taken | 1 << r);
            (count + 1, Reverse(sum + cost))
        };
        let chosen = first.iter().filter(|(r, _)| taken >> r & 1 == 0).map(with);
        chosen.chain([best(rest, taken)]).max().unwrap()
    }

    #[test]
    fn no_choice_of_partners_is_larger_or_cheaper() {
        for seed in 0..400 {
            let mut random = Random::new(seed);
            let (num_left, num_right, share) = (random.below(7), 1 + random.below(6), 0.15 + 0.6 * random.unit());
            let edges: Vec<Vec<Edge>> = (0..num_left)
                .map(|_| {
                    let rights = (0..num_right as u32).filter(|_| random.unit() < share).collect::<Vec<_>>();
                    rights.into_iter().map(|r| (r, random.below(9) as u32)).collect()
                })
                .collect();
            let found = cheapest_maximum_matching(&edges, num_right);
            let costs = found.iter().zip(&edges).filter_map(|(partner, near)| {
                let partner = (*partner)?;
                Some(near.iter().find(|(r, _)| *r == partner).unwrap().1)
            });
            let mut partners: Vec<u32> = found.iter().copied().flatten().collect();
            let got = (partners.len(), Reverse(costs.sum()));
            partners.sort_unstable();
            partners.dedup();
            assert_eq!((partners.len(), got), (got.0, best(&edges, 0)), "seed {seed}: {edges:?} {found:?}");
        }
    }
}
