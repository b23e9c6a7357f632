// One value a patch over the photo. Values arrive as 0..1 between the limits of the colours; -1 stands for "no value".

@group(0) @binding(3) var values: texture_2d<f32>;
// One colormap a row.
@group(0) @binding(4) var colormaps: texture_2d<f32>;

fn entry(index: i32) -> vec3<f32> {
    return textureLoad(colormaps, vec2<i32>(clamp(index, 0, 255), uniforms.colormap), 0).rgb;
}

fn value_at(x: i32, y: i32) -> f32 {
    return textureLoad(values, vec2<i32>(x, y), 0).x;
}

// Bilinear between patch centres; patches without a value take no part.
fn interpolated(x: Axis, y: Axis) -> f32 {
    var sum = 0.0;
    var total = 0.0;
    for (var k = 0; k < 4; k++) {
        let right = (k & 1) == 1;
        let below = (k >> 1u) == 1;
        let value = value_at(select(x.cell, x.next, right), select(y.cell, y.next, below));
        let share = select(1.0 - x.part, x.part, right) * select(1.0 - y.part, y.part, below);
        if value >= 0.0 {
            sum += value * share;
            total += share;
        }
    }
    return sum / max(total, 1e-6);
}

// Between table entries, so that smooth maps are smooth at any zoom.
fn smooth_colour(unit: f32) -> vec3<f32> {
    let place = clamp(unit * 256.0 - 0.5, 0.0, 255.0);
    let below = floor(place);
    return mix(entry(i32(below)), entry(i32(below) + 1), place - below);
}

// The colour of the map over the photo; `fs_main` of overlay.wgsl asks for it.
fn covered(at: vec2<i32>, x: Axis, y: Axis, below: vec3<f32>) -> vec3<f32> {
    if uniforms.overlay == 0u {
        return below;
    }
    let nearest = value_at(select(x.cell, x.next, x.part >= 0.5), select(y.cell, y.next, y.part >= 0.5));
    if nearest < 0.0 {
        let hatched = (at.x + at.y) % (6 * uniforms.line) < uniforms.line;
        return mix(below, GREY, select(0.0, uniforms.opacity, hatched));
    }
    if uniforms.interpolate == 0u {
        return mix(below, entry(i32(nearest * 256.0)), uniforms.opacity);
    }
    return mix(below, smooth_colour(interpolated(x, y)), uniforms.opacity);
}
