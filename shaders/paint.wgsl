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

@fragment
fn fs_main(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let at = vec2<i32>(position.xy);
    let x = column(at.x);
    let y = row(at.y);
    let place = min(x.place, y.place);
    if place == 0 {
        discard;
    }
    let below = photo_at(x, y);
    if place == 1 {
        return opaque(dimmed(below));
    }
    let nearest = colour_at(select(x.cell, x.next, x.part >= 0.5), select(y.cell, y.next, y.part >= 0.5));
    if nearest.a == 0.0 {
        let hatched = (at.x + at.y) % (6 * uniforms.line) < uniforms.line;
        return opaque(mix(below, GREY, select(0.0, uniforms.opacity, hatched)));
    }
    let colour = select(nearest.rgb, interpolated(x, y), uniforms.interpolate == 1u);
    return opaque(mix(below, colour, uniforms.opacity));
}
