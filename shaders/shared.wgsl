// What all shaders share: uniforms, the lookup tables that place every output pixel, and the photo below.
// `src/render/composite.rs` is the same arithmetic on the CPU and defines the right pixel.
//
// All decisions (which patch, which label, which photo texels) are read from tables made on the CPU; a driver that rounds
// differently can change a blend by an ulp, but never a patch. Only textureLoad, no sampler, no derivative, no NaN.

struct Uniforms {
    // Top left pixel of the painting in the target.
    origin: vec2<i32>,
    // Pixels of the painting.
    size: vec2<i32>,
    // Level of the photo to read.
    level: i32,
    // Thickness of outlines and hatching, in pixels.
    line: i32,
    // Row of the colormap texture.
    colormap: i32,
    // Label to show alone, or -1.
    solo: i32,
    // 1 to draw the overlay, 0 for the photo alone.
    overlay: u32,
    // 1 to interpolate between patch centres.
    interpolate: u32,
    // 1 to draw lines between labels.
    outlines: u32,
    // 1 if the target encodes sRGB by itself.
    linear_target: u32,
    // 0 photo alone, 1 colours alone.
    opacity: f32,
    // How much of the grey covers what the model did not see, or what a solo label hides.
    dimming: f32,
}

struct Axis {
    // First photo texel, and how many.
    start: i32,
    count: i32,
    // Weights of the first texel, of each one between, and of the last.
    first: f32,
    middle: f32,
    last: f32,
    // Patches on both sides, and how far towards the second.
    cell: i32,
    next: i32,
    part: f32,
    // Pixel of the label map.
    label: i32,
    // 0 outside the photo, 1 outside what the model saw, 2 inside it.
    place: i32,
}

const GREY = vec3<f32>(0.5, 0.5, 0.5);

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(0) @binding(1) var photo: texture_2d<f32>;
// Rows 0..2 place columns of pixels, rows 3..5 rows of pixels.
@group(0) @binding(2) var axes: texture_2d<f32>;

// One triangle that covers the viewport.
@vertex
fn vs_main(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let x = f32(i32(index & 1u) * 4 - 1);
    let y = f32(i32(index >> 1u) * 4 - 1);
    return vec4<f32>(x, y, 0.0, 1.0);
}

fn axis_at(at: i32, row: i32) -> Axis {
    let a = textureLoad(axes, vec2<i32>(at, row), 0);
    let b = textureLoad(axes, vec2<i32>(at, row + 1), 0);
    let c = textureLoad(axes, vec2<i32>(at, row + 2), 0);
    return Axis(i32(a.x), i32(a.y), a.z, a.w, b.x, i32(b.y), i32(b.z), b.w, i32(c.x), i32(c.y));
}

fn column(x: i32) -> Axis {
    return axis_at(clamp(x, 0, uniforms.size.x - 1), 0);
}

fn row(y: i32) -> Axis {
    return axis_at(clamp(y, 0, uniforms.size.y - 1), 3);
}

fn weight(axis: Axis, i: i32) -> f32 {
    if i == 0 {
        return axis.first;
    }
    if i == axis.count - 1 {
        return axis.last;
    }
    return axis.middle;
}

fn photo_at(x: Axis, y: Axis) -> vec3<f32> {
    var sum = vec3<f32>(0.0, 0.0, 0.0);
    for (var j = 0; j < y.count; j++) {
        var line = vec3<f32>(0.0, 0.0, 0.0);
        for (var i = 0; i < x.count; i++) {
            line += textureLoad(photo, vec2<i32>(x.start + i, y.start + j), uniforms.level).rgb * weight(x, i);
        }
        sum += line * weight(y, j);
    }
    return sum;
}

fn dimmed(colour: vec3<f32>) -> vec3<f32> {
    return mix(colour, GREY, uniforms.dimming);
}

fn opaque(colour: vec3<f32>) -> vec4<f32> {
    return vec4<f32>(colour, 1.0);
}
