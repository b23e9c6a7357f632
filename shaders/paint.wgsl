// One colour a patch over the photo, which means itself. Alpha is 0 where a patch has none.

@group(0) @binding(3) var paint: texture_2d<f32>;

fn colour_at(x: i32, y: i32) -> vec4<f32> {
    return textureLoad(paint, vec2<i32>(x, y), 0);
}

// Bilinear between patch centres; patches without a colour take no part.
fn interpolated(x: Axis, y: Axis) -> vec3<f32> {
    var sum = vec3<f32>(0.0, 0.0, 0.0);
    var total = 0.0;
    for (var k = 0; k < 4; k++) {
        let right = (k & 1) == 1;
        let below = (k >> 1u) == 1;
        let colour = colour_at(select(x.cell, x.next, right), select(y.cell, y.next, below));
        let share = select(1.0 - x.part, x.part, right) * select(1.0 - y.part, y.part, below) * colour.a;
        sum += colour.rgb * share;
        total += share;
    }
    return sum / max(total, 1e-6);
}

// The colour of the patch over the photo; `fs_main` of overlay.wgsl asks for it.
fn covered(at: vec2<i32>, x: Axis, y: Axis, below: vec3<f32>) -> vec3<f32> {
    let nearest = colour_at(select(x.cell, x.next, x.part >= 0.5), select(y.cell, y.next, y.part >= 0.5));
    if nearest.a == 0.0 {
        let hatched = (at.x + at.y) % (6 * uniforms.line) < uniforms.line;
        return mix(below, GREY, select(0.0, uniforms.opacity, hatched));
    }
    let colour = select(nearest.rgb, interpolated(x, y), uniforms.interpolate == 1u);
    return mix(below, colour, uniforms.opacity);
}
