//! The numbers that a mask's file stores. The decoders of the image crate show colours in place of palette indices, so that each
//! format with a palette is read by its own crate, or with a palette in which every colour is its own index.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageFormat};

use super::super::decoding::decode_raw;
use super::super::raw::{Claims, Raw, broken, check_claims, memory_for};
use super::{Storage, Wanted};
use crate::domain::{Cancel, Error, Result};

/// Pixels as they are stored.
pub(super) struct Stored {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) orientation: Orientation,
    samples: Samples,
}

enum Samples {
    /// With the colours of the palette, as `0xRRGGBB`.
    Indices(Vec<u8>, Vec<u32>),
    /// With the bits of each.
    Grey(Vec<u32>, u8),
    /// As `0xRRGGBB`.
    Colours(Vec<u32>),
}

const fn is_grey(colour: u32) -> bool {
    colour & 0xff == colour >> 8 & 0xff && colour & 0xff == colour >> 16
}

impl Stored {
    /// One value a pixel, and how it was stored.
    pub(super) fn labels(self, wanted: Wanted) -> (Vec<u32>, Storage) {
        match (self.samples, wanted) {
            (Samples::Indices(indices, palette), Wanted::Numbers) => {
                let storage = Storage::Palette { is_grey: palette.iter().all(|&colour| is_grey(colour)) };
                (indices.into_iter().map(u32::from).collect(), storage)
            }
            (Samples::Indices(indices, palette), Wanted::Colours) => {
                let colour = |&index: &u8| palette.get(usize::from(index)).copied().unwrap_or_default();
                (indices.iter().map(colour).collect(), Storage::Colours)
            }
            (Samples::Grey(values, bits), Wanted::Numbers) => (values, Storage::Grey { bits }),
            (Samples::Grey(values, bits), Wanted::Colours) => {
                let most = (1_u32 << bits) - 1;
                (values.into_iter().map(|value| value * 255 / most * 0x0001_0101).collect(), Storage::Colours)
            }
            (Samples::Colours(colours), Wanted::Numbers) if colours.iter().all(|&colour| is_grey(colour)) => {
                (colours.into_iter().map(|colour| colour & 0xff).collect(), Storage::GreyAsColours)
            }
            (Samples::Colours(colours), _) => (colours, Storage::Colours),
        }
    }
}

/// Reads a file's pixels.
pub(super) fn read(path: &Path, bytes: Vec<u8>, cancel: &Cancel) -> Result<Stored> {
    match image::guess_format(&bytes).ok() {
        Some(ImageFormat::Jpeg) => Err(lossy(path, "JPEG")),
        Some(ImageFormat::WebP) if bytes.get(12..16) != Some(b"VP8L") => Err(lossy(path, "WebP that may be lossy")),
        Some(ImageFormat::Png) => png(path, &bytes, cancel),
        Some(ImageFormat::Gif) => gif(path, &bytes),
        Some(ImageFormat::Bmp) => bmp(path, bytes, cancel),
        Some(ImageFormat::Tiff) => tiff(path, bytes, cancel),
        _ => plain(path, &bytes, cancel),
    }
}

fn lossy(path: &Path, format: &str) -> Error {
    Error::refused(path.display(), format!("is a {format}, which changes labels near edges"))
        .expected("a mask that is stored without loss")
        .remedy("save it as a PNG from the labels themselves")
}

fn moving(path: &Path) -> Error {
    Error::refused(path.display(), "holds several frames")
        .expected("one mask in one file")
        .remedy("save the right frame as a PNG")
}

/// Pixels without a palette.
fn plain(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<Stored> {
    let raw = decode_raw(path, bytes, cancel)?;
    check_opaque(path, &raw)?;
    let pixels = raw.pixels();
    let wide = |pair: &[u8]| u32::from(u16::from_ne_bytes([pair[0], pair[1]]));
    let samples = match raw.color {
        ColorType::L8 => Samples::Grey(pixels.data.iter().map(|&v| u32::from(v)).collect(), 8),
        ColorType::La8 => Samples::Grey(pixels.data.chunks_exact(2).map(|p| u32::from(p[0])).collect(), 8),
        ColorType::L16 => Samples::Grey(pixels.data.chunks_exact(2).map(wide).collect(), 16),
        ColorType::La16 => Samples::Grey(pixels.data.chunks_exact(4).map(wide).collect(), 16),
        _ => Samples::Colours(pixels.to_rgb().chunks_exact(3).map(colour).collect()),
    };
    Ok(Stored { width: raw.width, height: raw.height, orientation: raw.orientation, samples })
}

/// Refuses transparent pixels: some tools mean an unlabelled pixel by them, others the ground, and most nothing at all.
fn check_opaque(path: &Path, raw: &Raw) -> Result<()> {
    let data = raw.pixels().data;
    let clear = match raw.color {
        ColorType::La8 => data.chunks_exact(2).filter(|p| p[1] < u8::MAX).count(),
        ColorType::Rgba8 => data.chunks_exact(4).filter(|p| p[3] < u8::MAX).count(),
        ColorType::La16 => data.chunks_exact(4).filter(|p| p[2..] != [0xff; 2]).count(),
        ColorType::Rgba16 => data.chunks_exact(8).filter(|p| p[6..] != [0xff; 2]).count(),
        _ => 0,
    };
    if clear == 0 {
        return Ok(());
    }
    let what = format!("{clear} of its {} pixels are transparent, which says nothing of their labels", raw.width * raw.height);
    Err(Error::refused(path.display(), what).expected("a mask without transparency").remedy("save it as a grey PNG"))
}

fn colour(rgb: &[u8]) -> u32 {
    rgb.iter().fold(0, |sum, &v| sum << 8 | u32::from(v))
}

/// Grey and palette PNGs of any depth; others have nothing that the image crate would hide.
fn png(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<Stored> {
    let damaged = |err: png::DecodingError| broken(path, err);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: memory_for(bytes.len()) as usize });
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let info = reader.info();
    if info.is_animated() {
        return Err(moving(path));
    }
    let bits = info.bit_depth as u8;
    let palette = match (info.color_type, &info.palette) {
        (png::ColorType::Indexed, Some(palette)) => Some(palette.chunks_exact(3).map(colour).collect()),
        (png::ColorType::Grayscale, _) => None,
        _ => return plain(path, bytes, cancel),
    };
    let (width, height) = (info.width as usize, info.height as usize);
    let exif = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let orientation = exif.unwrap_or(Orientation::NoTransforms);
    let size = reader.output_buffer_size().ok_or_else(|| broken(path, "too large"))?;
    let claims = Claims { size: (width as u32, height as u32), decoded: size as u64, bits: u64::from(bits), file: bytes.len() };
    check_claims(path, claims)?;
    let mut rows = vec![0; size];
    let stride = reader.next_frame(&mut rows).map_err(damaged)?.line_size.max(1);
    let samples = rows.chunks_exact(stride).take(height).flat_map(|row| unpacked(row, bits, width));
    let samples = match palette {
        Some(palette) => Samples::Indices(samples.map(|sample| sample as u8).collect(), palette),
        None => Samples::Grey(samples.collect(), bits),
    };
    Ok(Stored { width, height, orientation, samples })
}

/// The samples of a row, of 1 to 16 bits, the highest bits first.
fn unpacked(row: &[u8], bits: u8, count: usize) -> impl Iterator<Item = u32> + '_ {
    let (bits, most) = (usize::from(bits), (1_u32 << bits) - 1);
    (0..count).map(move |i| {
        let first = i * bits;
        match bits {
            16 => u32::from(u16::from_be_bytes([row[first / 8], row[first / 8 + 1]])),
            _ => u32::from(row[first / 8]) >> (8 - bits - first % 8) & most,
        }
    })
}

fn gif(path: &Path, bytes: &[u8]) -> Result<Stored> {
    let damaged = |err: gif::DecodingError| broken(path, err);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let claims = Claims { size: (width as u32, height as u32), decoded: (width * height) as u64, bits: 8, file: bytes.len() };
    check_claims(path, claims)?;
    let shared = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(damaged)?.ok_or_else(|| broken(path, "it has no frame"))?;
    let place = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let palette = frame.palette.clone().or(shared).unwrap_or_default().chunks_exact(3).map(colour).collect();
    let indices = frame.buffer.to_vec();
    if place != [0, 0, width, height] {
        return Err(Error::refused(path.display(), "its frame covers only a part of it").expected("a label for each pixel"));
    }
    if decoder.next_frame_info().is_ok_and(|next| next.is_some()) {
        return Err(moving(path));
    }
    Ok(Stored { width, height, orientation: Orientation::NoTransforms, samples: Samples::Indices(indices, palette) })
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Decodes a file in which the colour of every index was replaced by that index.
fn relabelled(path: &Path, bytes: &[u8], palette: Vec<u32>, cancel: &Cancel) -> Result<Stored> {
    let raw = decode_raw(path, bytes, cancel)?;
    let pixels = raw.pixels();
    let channels = usize::from(raw.color.channel_count());
    let indices = pixels.data.iter().step_by(channels).copied().collect();
    let samples = Samples::Indices(indices, palette);
    Ok(Stored { width: raw.width, height: raw.height, orientation: raw.orientation, samples })
}

fn bmp(path: &Path, mut bytes: Vec<u8>, cancel: &Cancel) -> Result<Stored> {
    match bmp_palette(&mut bytes) {
        Some(palette) => relabelled(path, &bytes, palette, cancel),
        None => plain(path, &bytes, cancel),
    }
}

/// The palette of a BMP of up to 8 bits, after which every entry of it is its own index; `None` without a palette.
fn bmp_palette(bytes: &mut [u8]) -> Option<Vec<u32>> {
    let pixels = u32::from_le_bytes(number(bytes, 10)?) as usize;
    let header = u32::from_le_bytes(number(bytes, 14)?) as usize;
    let (bits_at, width) = if header == 12 { (24, 3) } else { (28, 4) };
    let bits = u16::from_le_bytes(number(bytes, bits_at)?);
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return None;
    }
    let entries = bytes.get_mut(header.checked_add(14)?..pixels)?;
    let entry = |(i, entry): (usize, &mut [u8])| {
        let colour = u32::from(entry[2]) << 16 | u32::from(entry[1]) << 8 | u32::from(entry[0]);
        entry[..3].fill(i as u8);
        colour
    };
    Some(entries.chunks_exact_mut(width).take(1 << bits).enumerate().map(entry).collect())
}

fn tiff(path: &Path, mut bytes: Vec<u8>, cancel: &Cancel) -> Result<Stored> {
    let Some(tags) = Tags::read(&bytes) else { return plain(path, &bytes, cancel) };
    if let (Some(PALETTE), Some(at)) = (tags.value(&bytes, PHOTOMETRIC), tags.place(PHOTOMETRIC)) {
        // Indices are then read as grey values.
        let [low, high] = if tags.is_little { [BLACK_IS_ZERO as u8, 0] } else { [0, BLACK_IS_ZERO as u8] };
        (bytes[at], bytes[at + 1]) = (low, high);
        return relabelled(path, &bytes, tags.palette(&bytes), cancel);
    }
    let stored = plain(path, &bytes, cancel)?;
    // A file that does not say has 1 bit (TIFF 6.0, section 8).
    Ok(match (stored.samples, tags.value(&bytes, BITS).unwrap_or(1)) {
        // The decoder spreads the bits over 0..255.
        (Samples::Grey(values, 8), 1) => Stored { samples: Samples::Grey(values.iter().map(|v| v / 255).collect(), 1), ..stored },
        (samples, _) => Stored { samples, ..stored },
    })
}

const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const COLOUR_MAP: u16 = 320;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// The tags of the first page of a classic TIFF: numbers, and where their values begin.
struct Tags {
    is_little: bool,
    entries: Vec<(u16, usize)>,
}

impl Tags {
    fn read(bytes: &[u8]) -> Option<Self> {
        let is_little = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut tags = Self { is_little, entries: Vec::new() };
        let start = tags.long(bytes, 4)?;
        for i in 0..usize::from(tags.short(bytes, start)?) {
            let at = start.checked_add(2 + 12 * i)?;
            tags.entries.push((tags.short(bytes, at)?, at + 8));
        }
        Some(tags)
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let pair = number(bytes, at)?;
        Some(if self.is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let four = number(bytes, at)?;
        Some(if self.is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) } as usize)
    }

    fn place(&self, tag: u16) -> Option<usize> {
        self.entries.iter().find(|(number, _)| *number == tag).map(|(_, at)| *at)
    }

    /// The first value of a tag of 16-bit numbers that fit their entry.
    fn value(&self, bytes: &[u8], tag: u16) -> Option<u16> {
        self.short(bytes, self.place(tag)?)
    }

    /// All red values, then all green, then all blue, of 16 bits each.
    fn palette(&self, bytes: &[u8]) -> Vec<u32> {
        let bits = self.value(bytes, BITS).unwrap_or(8).min(8);
        let Some(start) = self.place(COLOUR_MAP).and_then(|at| self.long(bytes, at)) else { return Vec::new() };
        let channel = |i: usize| self.short(bytes, start.saturating_add(2 * i)).map_or(0, |v| u32::from(v >> 8));
        let count = 1_usize << bits;
        (0..count).map(|i| channel(i) << 16 | channel(count + i) << 8 | channel(2 * count + i)).collect()
    }
}
