//! How much memory there is, so that a checkpoint that does not fit is refused before it is read.

/// Bytes that can be had without swapping, where the system says so (Linux).
pub fn available_memory() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A number of bytes as people read it: `9.1 GB`, `182 MB`, `0.3 MB`.
pub fn size_in_words(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    match megabytes {
        1000.0.. => format!("{:.1} GB", megabytes / 1e3),
        10.0.. => format!("{megabytes:.0} MB"),
        _ => format!("{megabytes:.1} MB"),
    }
}

/// A number of things as people read it: 5,717,416 as `5.7 M`.
pub fn count_in_words(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{:.1} K", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", number as f64 / 1e6),
        _ => format!("{:.1} B", number as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_read() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   6291456 kB\nBuffers: 1 kB\n"), Some(6 << 30));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
        assert_eq!(available("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!([14_200_000_000, 181_600_000, 333_000, 0].map(size_in_words), ["14.2 GB", "182 MB", "0.3 MB", "0.0 MB"]);
    }
}
