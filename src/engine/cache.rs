//! Values by key within a budget of bytes: what was used longest ago goes first.

/// A small cache; the newest entry stays even when it alone passes the budget.
#[derive(Debug)]
pub(super) struct Cache<V> {
    budget: usize,
    /// Oldest use first: key, bytes, value.
    entries: Vec<(String, usize, V)>,
}

impl<V> Cache<V> {
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, entries: Vec::new() }
    }

    /// Out of the cache, to be changed and put back.
    pub(super) fn take(&mut self, key: &str) -> Option<V> {
        let at = self.entries.iter().position(|(k, ..)| k == key)?;
        Some(self.entries.remove(at).2)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn put(&mut self, key: String, value: V, bytes: usize) {
        self.entries.retain(|(k, ..)| *k != key);
        self.entries.push((key, bytes, value));
        let mut total: usize = self.entries.iter().map(|(_, bytes, _)| bytes).sum();
        while total > self.budget && self.entries.len() > 1 {
            total -= self.entries.remove(0).1;
        }
    }
}

impl<V: Clone> Cache<V> {
    pub(super) fn get(&mut self, key: &str) -> Option<V> {
        let at = self.entries.iter().position(|(k, ..)| k == key)?;
        let entry = self.entries.remove(at);
        let value = entry.2.clone();
        self.entries.push(entry);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_the_newest_stays() {
        let mut cache = Cache::new(10);
        for key in ["a", "b"] {
            cache.put(key.to_owned(), key, 5);
        }
        assert_eq!(cache.get("a"), Some("a"));
        cache.put("c".to_owned(), "c", 5);
        assert_eq!((cache.get("a"), cache.get("b"), cache.get("c")), (Some("a"), None, Some("c")));
        cache.put("d".to_owned(), "d", 99);
        assert_eq!((cache.get("c"), cache.get("d")), (None, Some("d")));
    }
}
